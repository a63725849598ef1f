"""Who somebody is: a person that a provider vouches for, in the role that the trial gave them."""

import getpass
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Who vouches for whoever the picker is told to be: nobody.
DEMONSTRATION = "demonstration"


class Role(StrEnum):
    """What somebody is to the trial."""

    BOARD = "board"
    STATISTICIAN = "statistician"
    SPONSOR = "sponsor"
    DATA_MANAGER = "data_manager"
    UNBLINDED_DATA_MANAGER = "unblinded_data_manager"
    AUDITOR = "auditor"

    @property
    def words(self) -> str:
        """The role as people say it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class Identity:
    """A person as a provider vouches for them.

    Attributes:
        issuer: who vouches; "demonstration" for the picker, "operating system" for commands.
        subject: unique within the issuer.
        name: how others know the person; for reading only, nothing is decided by it.
        role: what the person is to the trials named in `trials`.
        trials: the ids of the trials that the role is for; None for every trial.
        expires: until when the provider vouches, UTC; None where it does not say.
        email: as the provider has verified it, or does not say; empty where it names none.
    """

    issuer: str
    subject: str
    name: str
    role: Role
    trials: frozenset[str] | None = None
    expires: datetime | None = None
    email: str = ""

    @property
    def account(self) -> str:
        """By what others tell the person from one of the same name: e-mail, or else subject."""
        return self.email or self.subject

    @property
    def holder(self) -> str:
        """The person as grants and records name them."""
        return f"{self.issuer}/{self.subject}"

    def is_for(self, trial: str) -> bool:
        """Whether the role is for this trial."""
        return self.trials is None or trial in self.trials


def introduced(name: str, account: str, role: str) -> str:
    """Name, account and role on two lines, whatever somebody is called."""
    first, second = (" ".join(text.split()) for text in (name, f"{account}, {role}"))
    return f"{first}\n{second}"


def demonstration_identities() -> list[Identity]:
    """Made-up persons, one a role and a second board member. For the machine itself only."""
    people = [
        ("board", "Dr. Ada Board (board member)", Role.BOARD),
        ("board-2", "Prof. Ben Board (board member)", Role.BOARD),
        ("statistician", "Max Statistician (independent statistician)", Role.STATISTICIAN),
        ("sponsor", "Sam Sponsor (sponsor)", Role.SPONSOR),
        ("data_manager", "Dana Manager (data manager)", Role.DATA_MANAGER),
        (
            "unblinded_data_manager",
            "Uma Sealed (unblinded data manager)",
            Role.UNBLINDED_DATA_MANAGER,
        ),
        ("auditor", "Olaf Auditor (auditor)", Role.AUDITOR),
    ]
    return [Identity(DEMONSTRATION, subject, name, role) for subject, name, role in people]


def command_line_identity() -> Identity:
    """The user of this process.

    What the command line may do is decided by the file permissions of store and key; the name is
    for the record.
    """
    user = getpass.getuser()
    return Identity("operating system", user, user, Role.STATISTICIAN)

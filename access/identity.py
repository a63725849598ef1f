"""Who somebody is. For now: demonstration persons, and the user of a command line."""

import getpass
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the trial."""

    BOARD = "board"
    STATISTICIAN = "statistician"
    SPONSOR = "sponsor"
    DATA_MANAGER = "data_manager"


@dataclass(frozen=True)
class Identity:
    """A person as a provider vouches for them.

    Attributes:
        issuer: who vouches; "demonstration" for the picker, "operating system" for commands.
        subject: unique within the issuer.
    """

    issuer: str
    subject: str
    name: str
    role: Role

    @property
    def holder(self) -> str:
        """The person as grants and records name them."""
        return f"{self.issuer}/{self.subject}"


def demonstration_identities() -> list[Identity]:
    """One made-up person a role. They are offered on the machine itself only."""
    people = {
        Role.BOARD: "Dr. Ada Board (board member)",
        Role.STATISTICIAN: "Max Statistician (independent statistician)",
        Role.SPONSOR: "Sam Sponsor (sponsor)",
        Role.DATA_MANAGER: "Dana Manager (data manager)",
    }
    return [Identity("demonstration", role.value, name, role) for role, name in people.items()]


def command_line_identity() -> Identity:
    """The user of this process.

    What the command line may do is decided by the file permissions of store and key; the name is
    for the record.
    """
    user = getpass.getuser()
    return Identity("operating system", user, user, Role.STATISTICIAN)

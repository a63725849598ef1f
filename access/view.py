"""The three views of one trial, in their order."""

from enum import IntEnum


class View(IntEnum):
    """What `arm` means on a connection. A higher view sees all that a lower one does, and more.

    POOLED: every participant is in one arm, and the sealed data is not attached.
    CODED: "Arm A", "Arm B", drawn at random.
    UNBLINDED: the arms' names, and all that dosing conditions.
    """

    POOLED = 1
    CODED = 2
    UNBLINDED = 3

    @property
    def word(self) -> str:
        """The view as it is written in addresses, flags and records."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> "View":
        """The view called `word`.

        Raises:
            ValueError: there is no such view; the message names those there are.
        """
        try:
            return cls[word.upper()]
        except KeyError:
            names = ", ".join(view.word for view in cls)
            raise ValueError(f"There is no view {word!r}; there are: {names}.") from None

"""What is said when an extract can not be read.

A sentence names files, lines and columns, never a value: it is printed and logged in places where
no participant's data may appear.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One reason why an extract is refused.

    ``file`` is the file's name within the extract, None when the extract as a whole is meant.
    ``line`` is the line of a text file, the first being 1, else None. ``sentence`` says it all by
    itself, the file and the line included.
    """

    file: str | None
    line: int | None
    sentence: str


class UnreadableExtract(Exception):
    """The extract is refused; ``problems`` holds every reason that was found, at least one."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(problem.sentence for problem in self.problems))


class Refusal(Exception):
    """Raised by a reader for the file in hand.

    ``reason`` continues a sentence that begins with the name of the file: "is empty; …".
    """

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line

    def problem(self, file: str) -> Problem:
        """Return this refusal as a Problem of ``file``."""
        place = file if self.line is None else f"{file}, line {self.line},"
        return Problem(file, self.line, f"{place} {self.reason}")

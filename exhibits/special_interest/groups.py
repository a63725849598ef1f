"""The groups of special interest that a trial definition names: whom, and what is said of all."""

from exhibits.parts.events import SINCE
from exhibits.parts.words import counted
from queries import Board
from trials import SpecialInterest

COUNTED = f"{SINCE} A fatal event is serious whatever was ticked."

GROUPS = (
    "Groups of preferred terms by the trial definition, compared without regard to case, "
    "punctuation and spelling; an event can belong to several. All need medical review."
)


def standard_queries(board: Board) -> tuple[str, ...]:
    """A footnote for each group whose terms are those of a standardized query."""
    return tuple(
        f"{group.name}: terms of the standardized MedDRA query {group.smq} from a licensed file, "
        + (
            f"{group.scope} scope."
            if group.algorithm_days is None
            else "by its algorithm over categories: A, or B and C, or D and B or C, with onsets "
            f"at most {counted(group.algorithm_days, 'day')} apart."
        )
        for group in board.trial.special_interest
        if group.standard_terms
    )


def groups_by_id(board: Board) -> dict[str, SpecialInterest]:
    """The groups of the trial definition."""
    return {group.id: group for group in board.trial.special_interest}

"""The read side: a Board is an open snapshot in one view, and the only way to data."""

from queries.board import Board, BoardError, arm_of_participant, open_board
from queries.filters import Filters
from queries.history import (
    Refusal,
    corrections,
    differences,
    history,
    last_refusal,
    records_that_differ,
)
from queries.small_cells import TOGETHER, NotShownError, too_few
from snapshots import pairs

__all__ = [
    "TOGETHER",
    "Board",
    "BoardError",
    "Filters",
    "NotShownError",
    "Refusal",
    "arm_of_participant",
    "corrections",
    "differences",
    "history",
    "last_refusal",
    "open_board",
    "pairs",
    "records_that_differ",
    "too_few",
]

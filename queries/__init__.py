"""The read side: a Board is an open snapshot in one view, and the only way to data."""

from queries.board import Board, BoardError, open_board
from queries.history import Refusal, history, last_refusal

__all__ = ["Board", "BoardError", "Refusal", "history", "last_refusal", "open_board"]

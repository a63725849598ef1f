"""Rows that a limited role sees together with their neighbors, and what they are called."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from exhibits.parts.words import NOT_RECORDED
from queries import TOGETHER, Board, NotShownError


def shown(board: Board, question: str, **values: Any) -> pl.DataFrame | None:
    """The answer to a question; None where nothing of it is shown to the Board's role."""
    try:
        return board.ask(question, **values)
    except NotShownError:
        return None


def members(rows: pl.DataFrame, by: str) -> list[list[str | None]]:
    """What each row stands for: values of the column `by`, several where rows are merged."""
    values = rows[by].cast(pl.String).to_list()
    merged = rows[TOGETHER].to_list() if TOGETHER in rows.columns else [None] * len(values)
    return [list(names) if names else [value] for value, names in zip(values, merged, strict=True)]


def left_out(
    names: Iterable[str], rows: pl.DataFrame, by: str, words: Mapping[str, str]
) -> tuple[str, ...]:
    """A footnote on which of those that there should be have no row: they are too few."""
    there = {name for names in members(rows, by) for name in names}
    few = [words[name] for name in names if name not in there]
    return (f"Too few to show: {', '.join(few)}.",) if few else ()


def with_names(
    rows: pl.DataFrame, by: str, words: pl.Expr | None = None, *, is_range: bool = False
) -> pl.DataFrame:
    """The rows with the column `by` in words, without the one that says what is together.

    Args:
        rows: an answer with the column `by`.
        words: what a value of it is called, as an expression on that column.
        is_range: whether values follow each other, as sites do: `01 to 04`. Else all are named.
    """
    stand_for = members(rows, by)
    flat = pl.DataFrame({by: [name for names in stand_for for name in names]}, schema={by: str})
    said = iter((flat if words is None else flat.with_columns(words))[by].to_list())
    in_words = [[next(said) for _ in names] for names in stand_for]
    joined = [
        names[0]
        if len(names) == 1
        else f"{names[0]} to {names[-1]}"
        if is_range
        else any_of(name or NOT_RECORDED for name in names)
        for names in in_words
    ]
    named = rows.with_columns(pl.Series(by, joined, pl.String))
    return named.drop(TOGETHER, strict=False)


def any_of(words: Iterable[str]) -> str:
    """`Left early or died`, `A, B or C`: what is counted together, the first with its capital."""
    names: Sequence[str] = list(words)
    names = [names[0], *(_within(name) for name in names[1:])]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _within(name: str) -> str:
    """A name within a sentence; one that is no word stays as it is: ALT, PaO2."""
    is_word = name[:1].isupper() and name[1:2].islower() and name == name.capitalize()
    return name[:1].lower() + name[1:] if is_word else name

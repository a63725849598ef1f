"""Which of many comparisons of adverse events differ more than chance: one rule for every page.

Terms, body systems and groups of special interest are compared with the reference arm together. A
mark stands where the rule holds and nowhere else: an interval without zero is none, of so many.
"""

import math
from typing import Any

import numpy as np
import polars as pl

from estimators.multiplicity import (
    benjamini_hochberg,
    double_false_discovery_rate,
    expected_by_chance,
    least_total,
)
from estimators.proportions import fisher_exact
from exhibits.parts.comparison import arms_to_compare, held_against_reference, with_difference
from exhibits.parts.populations import size_of_arms
from exhibits.parts.words import counted, decimal
from queries import Board

# What is marked has a rate of false discoveries of at most this.
MARKED_AT = 0.10
MARKED_AT_WORDS = f"{100 * MARKED_AT:.0f} %"
MARK = "◆"
MARKS = (
    f"{MARK} marks terms whose rates of false discoveries, over body systems and over terms "
    f"within, are at most {MARKED_AT_WORDS} (Mehrotra & Heyse 2004; Mehrotra & Adewale 2012), and "
    f"body systems and groups of special interest with a rate of at most {MARKED_AT_WORDS} "
    "(Benjamini & Hochberg 1995); Fisher's exact test. It is no verdict: look at the estimate, its "
    "interval and the participants."
)
# Of what is marked so many stand in a sentence.
MOST_IN_WORDS = 3
# What is compared, and the columns by which it is called.
KEYS = ("kind", "body_system", "preferred_term", "group")
TERM, SYSTEM, GROUP = "term", "body system", "group"


def comparisons(board: Board) -> pl.DataFrame:
    """One row an arm compared with the reference arm, and a term, body system or group.

    Columns are `KEYS`, `name`, `arm`, `participants`, `of`, `reference`,
    `reference_of`, `p` (Fisher), `rate` (of false discoveries; null where too few have it for any
    mark) and `mark`. Empty where nobody is compared.
    """
    return board.once("comparisons of events", lambda: _compared(board))


def _compared(board: Board) -> pl.DataFrame:
    sizes = size_of_arms(board)
    compared = arms_to_compare(board, sizes)
    if not compared:
        return _NONE
    rows = _counts(board)
    return pl.concat(_against_reference(board, rows, arm, sizes) for arm in compared)


_NONE = pl.DataFrame(
    schema={
        **dict.fromkeys((*KEYS, "name", "arm"), pl.String),
        **dict.fromkeys(("participants", "of", "reference", "reference_of"), pl.Int64),
        "p": pl.Float64,
        "rate": pl.Float64,
        "mark": pl.String,
    }
)


def _counts(board: Board) -> pl.DataFrame:
    """Participants of each arm with each term, in each body system, of each group."""
    terms = board.ask("safety/by_term").select(
        pl.when(pl.col("preferred_term").is_null())
        .then(pl.lit(SYSTEM))
        .otherwise(pl.lit(TERM))
        .alias("kind"),
        "body_system",
        "preferred_term",
        pl.lit(None, pl.String).alias("group"),
        pl.coalesce("preferred_term", "body_system").alias("name"),
        "arm",
        "participants",
    )
    names = {group.id: group.name for group in board.trial.special_interest}
    if not names:
        return terms
    groups = board.ask("special_interest/by_group").select(
        pl.lit(GROUP).alias("kind"),
        pl.lit(None, pl.String).alias("body_system"),
        pl.lit(None, pl.String).alias("preferred_term"),
        "group",
        pl.col("group").replace_strict(names, return_dtype=pl.String).alias("name"),
        "arm",
        "participants",
    )
    return pl.concat([terms, groups], how="vertical_relaxed")


def _against_reference(
    board: Board, rows: pl.DataFrame, arm: str, sizes: dict[str, int]
) -> pl.DataFrame:
    mine, theirs = (
        rows.filter(pl.col("arm") == name).select(*KEYS, pl.col("participants").alias(column))
        for name, column in ((arm, "participants"), (board.reference_arm, "reference"))
    )
    of, reference_of = sizes[arm], sizes[board.reference_arm]
    both = (
        rows.select(*KEYS, "name")
        .unique(maintain_order=True)
        .join(mine, on=KEYS, how="left", nulls_equal=True, maintain_order="left")
        .join(theirs, on=KEYS, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            pl.col("participants", "reference").fill_null(0).cast(pl.Int64),
            pl.lit(arm).alias("arm"),
            pl.lit(of, pl.Int64).alias("of"),
            pl.lit(reference_of, pl.Int64).alias("reference_of"),
        )
        .filter(pl.col("participants") + pl.col("reference") > 0)
    )
    p = fisher_exact(
        *(both[name].to_numpy() for name in ("participants", "of", "reference", "reference_of"))
    )
    enough = (both["participants"] + both["reference"]).to_numpy() >= _least(
        board, of, reference_of
    )
    is_term = (both["kind"] == TERM).to_numpy()
    rate = np.full(both.height, np.nan)
    terms, others = enough & is_term, enough & ~is_term
    systems = both["body_system"].to_numpy()
    rate[terms] = double_false_discovery_rate(p[terms], systems[terms]).both
    rate[others] = benjamini_hochberg(p[others])
    marks = np.where(np.nan_to_num(rate, nan=1.0) <= MARKED_AT, MARK, "")
    return both.with_columns(
        pl.Series("p", p, pl.Float64),
        pl.Series("rate", rate, pl.Float64).fill_nan(None),
        pl.Series("mark", marks.tolist(), pl.String),
    ).select(_NONE.columns)


def _least(board: Board, first: int, second: int) -> int:
    return board.trial.safety.least_total or least_total(first, second, MARKED_AT)


def with_marks(board: Board, rows: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """The rows with a `mark`, empty where there is none.

    Args:
        rows: one row an `arm` and what `keys` say.
        keys: columns of `rows` that are among `KEYS`: `group`, or those of terms and systems.
    """
    is_of_them = (pl.col("kind") == GROUP) == ("group" in keys)
    marks = comparisons(board).filter(is_of_them).select("arm", *keys, "mark")
    joined = rows.join(
        marks, on=["arm", *keys], how="left", nulls_equal=True, maintain_order="left"
    )
    return joined.with_columns(pl.col("mark").fill_null(""))


def marks_note(board: Board) -> tuple[str, ...]:
    """What a mark is, and among how many there could be one; nothing where nobody is compared."""
    rows = comparisons(board)
    sizes = size_of_arms(board)
    parts = []
    for (arm,), of_arm in rows.filter(kind=TERM).group_by("arm", maintain_order=True):
        least = _least(board, sizes[str(arm)], sizes[board.reference_arm])
        parts.append(
            f"{arm}: {of_arm['rate'].count():,} of {counted(of_arm.height, 'term')}, those of "
            f"{least} participants or more of the two arms"
        )
    if not parts:
        return ()
    return (f"{MARKS} Only what enough have can be marked: {'; '.join(parts)}.",)


def smallest(board: Board) -> str:
    """The comparison with the smallest p, in words, with how many chance would bring.

    Empty where nobody is compared, or nobody had an event.
    """
    rows = comparisons(board)
    if rows.is_empty():
        return ""
    # Of several with the same p that of the most participants; of a system of one term, the term.
    order = pl.Enum([TERM, GROUP, SYSTEM])
    row = rows.sort(
        "p",
        -(pl.col("participants") + pl.col("reference")),
        pl.col("kind").cast(order),
        maintain_order=True,
    ).row(0, named=True)
    # Of all arms compared: the smallest p is the smallest of theirs together.
    expected = sum(
        expected_by_chance(
            row["p"],
            (part["participants"] + part["reference"]).to_numpy(),
            *part.select("of", "reference_of").row(0),
        )
        for part in rows.partition_by("arm")
    )
    return (
        f"Largest difference by Fisher's test: {_in_words(board, row)}. Of "
        f"{counted(rows.height, 'comparison')} (terms, body systems and groups), {_few(expected)} "
        "would differ as much if the arms were alike."
    )


def marked(board: Board, *kinds: str) -> str:
    """The comparisons that have a mark, in words, the smallest p first; empty where none has."""
    rows = comparisons(board).filter(pl.col("mark") == MARK, pl.col("kind").is_in(kinds))
    if rows.is_empty():
        return ""
    rows = rows.sort("p", maintain_order=True)
    found = [_in_words(board, row) for row in rows.head(MOST_IN_WORDS).iter_rows(named=True)]
    rest = rows.height - len(found)
    others = f" {counted(rest, 'other is', 'others are')} marked in the table." if rest else ""
    return f"More than chance among all that is compared ({MARK}): {'. '.join(found)}.{others}"


def _in_words(board: Board, row: dict[str, Any]) -> str:
    """`Pruritus: 8 of 86 in Arm A, 26 of 84 in Arm B; Arm B minus Arm A +21.7 …`."""
    arms = [(row["arm"], row["participants"], row["of"])]
    arms.append((board.reference_arm, row["reference"], row["reference_of"]))
    table = pl.DataFrame(
        [(row["name"], *arm) for arm in arms],
        schema=["name", "arm", "participants", "of"],
        orient="row",
    )
    table = with_difference(board, table, by=["name"], of="of")
    held = held_against_reference(board, table, table.row(0, named=True), by="name", of="of")
    kind = f" ({row['kind']})" if row["kind"] != TERM else ""
    return f"{row['name']}{kind}: {held}"


def _few(expected: float) -> str:
    """`0.03`, `1.8`, `fewer than 0.001`: as many digits as tell it from others."""
    if expected < 0.001:
        return "fewer than 0.001"
    return decimal(expected, 1 if expected >= 1.0 else min(3, 1 - math.floor(math.log10(expected))))

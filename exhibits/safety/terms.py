"""By what: body systems and preferred terms, and the most frequent of them as dots."""

from typing import Any

import polars as pl

from exhibits.exhibit import Exhibit, exhibit
from exhibits.parts.comparison import (
    arms_to_compare,
    contrast,
    too_few_note,
    with_difference,
    with_share,
)
from exhibits.parts.events import (
    SINCE,
    list_of_events,
    not_recorded_of_events,
    recorded_of_events,
    sealed_events,
)
from exhibits.parts.interval_dots import Mark, interval_dots
from exhibits.parts.populations import size_of_arms
from exhibits.parts.signals import SYSTEM, TERM, marked, marks_note, smallest, with_marks
from exhibits.parts.theme import axis_names
from exhibits.parts.words import counted
from queries import Board

GRADES = (1, 2, 3, 4, 5)
# The dot plot has the most frequent terms: more would not be read.
MOST_DOTS = 20
DIFFERENCES = (
    "Differences in percentage points with 95 % intervals (Miettinen & Nurminen 1985), the arm "
    "minus the reference; a term that one arm only has, has one, too."
)
NO_EVENT = "No event has begun since randomization."
KEYS = ("body_system", "preferred_term")
# What of an arm has a column by itself where arms stand beside each other.
OF_ARM = ("participants", "percent", "events", "serious", "grades")
# What the loader writes where a text is on no list.
NOT_SHOWN = "[not shown]"
OF_DIFFERENCE = ("difference", "difference_low", "difference_high", "mark")


def terms_of(board: Board) -> pl.DataFrame:
    """One row an arm, a body system and a preferred term, which is null for all of the system.

    `term` numbers the two; `of` is the size of the arm, `participants` those with an event,
    `percent` their share with limits; then `events`, participants with a `serious` one, and by
    highest grade in words (`grades`). With several arms the `difference` to the reference with
    limits, and `mark`.
    """
    answer = board.ask("safety/by_term")
    people = board.ask("safety/people").select("arm", "position", of="participants")
    terms = answer.select(KEYS).unique(maintain_order=True).with_row_index("term")
    rows = (
        terms.join(people, how="cross", maintain_order="left_right")
        .join(
            answer.drop("arm"),
            on=[*KEYS, "position"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        # Of what is recorded, a term that nobody of the arm had is none of it.
        .with_columns(pl.col("participants", "events", *_recorded(board)).fill_null(0))
        .with_columns(grades=_grades_in_words())
    )
    rows = with_difference(board, with_share(board, rows, of="of"), by=["term"], of="of")
    return with_marks(board, rows, *KEYS)


def _recorded(board: Board) -> tuple[str, ...]:
    """The counts by gravity that the extract records."""
    recorded = recorded_of_events(board)
    return (
        *(("serious",) if recorded["serious"] else ()),
        *((f"grade_{grade}" for grade in GRADES) if recorded["grade_3"] else ()),
    )


def _grades_in_words() -> pl.Expr:
    """`grade 1: 2, grade 3: 1`: how many have which highest grade."""
    return pl.concat_str(
        *(
            pl.when(pl.col(f"grade_{grade}") > 0).then(
                pl.format(f"grade {grade}: {{}}", pl.col(f"grade_{grade}"))
            )
            for grade in GRADES
        ),
        separator=", ",
        ignore_nulls=True,
    )


def _beside_each_other(board: Board, rows: pl.DataFrame, of_arm: tuple[str, ...]) -> pl.DataFrame:
    """One row a term; columns `name_position` of each arm, differences of those compared."""
    compared = arms_to_compare(board, size_of_arms(board))
    wide = rows.select("term", *KEYS).unique("term", maintain_order=True)
    for position, arm in enumerate(board.arms, start=1):
        names = [*of_arm, *(OF_DIFFERENCE if arm in compared else ())]
        part = rows.filter(pl.col("arm") == arm).select(
            "term", *(pl.col(name).alias(f"{name}_{position}") for name in names)
        )
        wide = wide.join(part, on="term", how="left", maintain_order="left")
    return wide.drop("term")


def _labels(board: Board, *, with_sizes: bool) -> dict[str, str]:
    """What the columns of arms beside each other are called."""
    sizes = size_of_arms(board)
    labels: dict[str, str] = {}
    for position, arm in enumerate(board.arms, start=1):
        whose = f"{arm} (N = {sizes[arm]:,})" if with_sizes else arm
        against = contrast(board, arm)
        of_this = {
            "participants": f"Participants, {whose}",
            "percent": f"%, {whose}",
            "events": f"Events, {whose}",
            "serious": f"With a serious one, {whose}",
            "grades": f"By highest grade, {whose}",
            "difference": f"Difference, percentage points, {against}",
            "difference_low": f"95 % CI, low, {against}",
            "difference_high": f"95 % CI, high, {against}",
            "mark": f"Mark, {against}",
        }
        labels |= {f"{name}_{position}": label for name, label in of_this.items()}
    return labels


def _lists_of(terms: pl.DataFrame) -> tuple[Any, ...]:
    """The participants of each row of a table with a row a term."""
    return tuple(
        list_of_events(term or system, body_system=system, preferred_term=term)
        for system, term in terms.select(KEYS).rows()
    )


@exhibit(
    page="board-safety",
    tab="Terms",
    title="Adverse events by body system and preferred term",
    data=("AE.AESTDTC",),
    filtered=True,
    method=(
        SINCE,
        "A participant counts once in each row, at the highest grade there. A row without a "
        "preferred term is of the whole body system.",
    ),
)
def adverse_events_by_term(board: Board) -> Exhibit:
    """Participants and events by body system and preferred term, with the highest grade."""
    rows = terms_of(board)
    if rows.is_empty():
        return Exhibit(missing=NO_EVENT)
    sizes = size_of_arms(board)
    recorded = recorded_of_events(board)
    left_out = {"serious": not recorded["serious"], "grades": not recorded["grade_3"]}
    of_arm = tuple(name for name in OF_ARM if not left_out.get(name))
    table = _beside_each_other(board, rows, of_arm)
    return Exhibit(
        answer=_how_many(table),
        denominator="; ".join(
            f"N = {size:,}" if len(sizes) == 1 else f"{arm}: N = {size:,}"
            for arm, size in sizes.items()
        ),
        sizes=tuple(sizes.values()),
        table=table,
        arms=tuple(board.arms),
        labels=_labels(board, with_sizes=True),
        lists=_lists_of(table),
        footnotes=(
            *((DIFFERENCES,) if arms_to_compare(board, sizes) else ()),
            *marks_note(board),
            *not_recorded_of_events(board),
            *too_few_note(board, sizes.values()),
            *sealed_events(board),
        ),
    )


def _how_many(table: pl.DataFrame) -> str:
    """How many terms and body systems there are, and of how many terms theirs is not shown."""
    terms = table.drop_nulls("preferred_term")
    hidden = terms.filter(pl.col("body_system") == NOT_SHOWN).height
    of_system = table.filter(pl.col("preferred_term").is_null())
    systems = of_system.filter(pl.col("body_system").ne_missing(NOT_SHOWN)).height
    found = f"{counted(terms.height, 'preferred term')} in {counted(systems, 'body system')}."
    if not hidden:
        return found
    return (
        f"{found} Of {counted(hidden, 'preferred term')} the body system is not shown: what the "
        "extract has is on no list of the dictionary or the trial definition."
    )


@exhibit(
    page="board-safety",
    tab="Terms",
    leads=32,
    adds=True,
    title="Most frequent adverse events",
    data=("AE.AESTDTC",),
    filtered=True,
    method=(SINCE,),
)
def adverse_event_dots(board: Board) -> Exhibit:
    """The most frequent preferred terms: share of participants by arm, and differences beside."""
    every = terms_of(board).filter(pl.col("preferred_term").is_not_null())
    if every.is_empty():
        return Exhibit(missing=NO_EVENT)
    sizes = size_of_arms(board)
    is_compared = bool(arms_to_compare(board, sizes))
    total = pl.sum("participants").over("term")
    order = pl.struct(-total, *KEYS).rank("dense")
    rows = every.filter(order <= MOST_DOTS).sort(order, maintain_order=True)
    most_frequent = rows.item(0, "preferred_term")
    if is_compared:
        most = pl.col("difference").max().over("term")
        rows = rows.sort(most, descending=True, maintain_order=True)
    rows = rows.with_columns(place=pl.col("term").rle_id().cast(pl.Int64))
    number = every["term"].n_unique()
    frequent = f"The most frequent: {most_frequent}."
    apart, attention = smallest(board), marked(board, TERM, SYSTEM)
    table = _beside_each_other(board, rows, ("participants", "percent"))
    table = table.select(*reversed(KEYS), pl.exclude(*KEYS, "^mark_.*$"))
    names = axis_names(table["preferred_term"].to_list(), lines=2)
    return Exhibit(
        attention=attention,
        answer=apart or frequent,
        beside=apart if attention else None,
        denominator=f"N = {sum(sizes.values()):,}; {table.height} of {counted(number, 'term')}",
        picture=interval_dots(
            board,
            rows.drop("percent_low", "percent_high"),
            names,
            x_title="Participants, %",
            marks=(Mark(of="of", people="place"),),
            difference="difference",
            beside="Difference, percentage points",
        ),
        description="For each term a dot an arm: the share of participants with it; beside it the "
        "difference from the reference arm with its interval, where there are several arms.",
        table=table,
        arms=tuple(board.arms),
        labels=_labels(board, with_sizes=False),
        lists=_lists_of(table),
        footnotes=(
            *((DIFFERENCES,) if is_compared else ()),
            *too_few_note(board, sizes.values()),
            *sealed_events(board),
        ),
    )

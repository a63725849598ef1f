"""By what: body systems and preferred terms, and the most frequent of them as dots."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.multiplicity import double_false_discovery_rate
from estimators.proportions import fisher_exact, miettinen_nurminen
from exhibits.exhibit import Exhibit, exhibit
from exhibits.parts.comparison import contrast, counts_in_arms, points
from exhibits.parts.events import SINCE, list_of_events, sealed_events
from exhibits.parts.populations import nobody_to_show
from exhibits.parts.theme import (
    LEFT_OF_AXIS_BESIDE,
    ArmStyle,
    arm_style,
    axis_beside,
    axis_names,
    error_bars,
    figure,
    in_lines,
    rows_axis,
    safe,
)
from exhibits.parts.words import counted
from queries import Board

GRADES = (1, 2, 3, 4, 5)

# The dot plot has the most frequent terms: more would not be read.
MOST_DOTS = 20

# Terms are marked where both rates of false discoveries are at most this.
MARKED_AT = 0.10

MARK = "◆"


def terms_of(board: Board) -> pl.DataFrame:
    """One row a body system and a preferred term (null for all of it), columns by arm.

    Of the arm at position i: `participants_i`, `percent_i`, `events_i`, `serious_i`, `severe_i`
    (grade 3 and higher), `grades_i` in words. Of each arm but the reference, where arms are large
    enough, `difference_i`, `low_i`, `high_i` in percentage points, and `mark_i`.
    """
    people = board.ask("safety/people")
    rows = board.ask("safety/by_term")
    keys = ["body_system", "preferred_term"]
    terms = rows.select(keys).unique(maintain_order=True)
    for position, size in people.select("position", "participants").rows():
        of_arm_ = rows.filter(pl.col("position") == position)
        counts = ("participants", "events", "serious", *(f"grade_{grade}" for grade in GRADES))
        terms = terms.join(
            of_arm_.select(
                *keys,
                *(pl.col(name).alias(f"{name}_{position}") for name in counts),
                (pl.col("grade_3") + pl.col("grade_4") + pl.col("grade_5")).alias(
                    f"severe_{position}"
                ),
                _grades_in_words().alias(f"grades_{position}"),
            ),
            on=keys,
            how="left",
            nulls_equal=True,
            maintain_order="left",
        ).with_columns(
            pl.col(f"^(participants|events|serious|severe|grade_.)_{position}$").fill_null(0),
            pl.col(f"grades_{position}").fill_null(""),
        )
        percent_ = 100 * pl.col(f"participants_{position}") / max(size, 1)
        terms = terms.with_columns(percent_.round(1).alias(f"percent_{position}"))
    return _with_differences(terms, board, people)


def _grades_in_words() -> pl.Expr:
    """`2 × 1, 1 × 3`: how many have which highest grade."""
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


# Of an arm that is compared: its position and size, those of the reference.
Pairs = list[tuple[int, int, int, int]]


def compared(board: Board, people: pl.DataFrame) -> Pairs:
    """Each arm to compare with the reference: its position and size, and those of the reference.

    None where either is smaller than the trial definition asks for.
    """
    sizes = dict(people.select("position", "participants").rows())
    reference = board.arms.index(board.reference_arm) + 1
    least = board.trial.subgroups.minimum_per_arm
    return [
        (position, sizes[position], reference, sizes[reference])
        for position in sizes
        if position != reference and min(sizes[position], sizes[reference]) >= least
    ]


def _with_differences(terms: pl.DataFrame, board: Board, people: pl.DataFrame) -> pl.DataFrame:
    for position, size, reference, reference_size in compared(board, people):
        mine = terms[f"participants_{position}"].to_numpy()
        theirs = terms[f"participants_{reference}"].to_numpy()
        found = miettinen_nurminen(mine, size, theirs, reference_size)
        is_term = terms["preferred_term"].is_not_null().to_numpy()
        systems = terms["body_system"].to_numpy()
        marks = np.full(terms.height, "", dtype=object)
        if is_term.any():
            p = fisher_exact(mine[is_term], size, theirs[is_term], reference_size)
            both = double_false_discovery_rate(p, systems[is_term]).both
            marks[is_term] = np.where(both <= MARKED_AT, MARK, "")
        terms = terms.with_columns(
            pl.Series(f"difference_{position}", 100 * found.estimate).round(1),
            pl.Series(f"low_{position}", 100 * found.low).round(1),
            pl.Series(f"high_{position}", 100 * found.high).round(1),
            pl.Series(f"mark_{position}", marks.tolist(), dtype=pl.String),
        )
    return terms


def too_small(board: Board, people: pl.DataFrame) -> tuple[str, ...]:
    """What to say where arms are there and too small to be compared."""
    if len(board.arms) == 1 or len(compared(board, people)) == len(board.arms) - 1:
        return ()
    least = board.trial.subgroups.minimum_per_arm
    return (f"An arm with fewer than {least} participants is not compared: counts only.",)


DIFFERENCES = (
    "Differences in percentage points with 95 % intervals (Miettinen & Nurminen 1985), the arm "
    "minus the reference; a term that one arm only has, has one, too."
)

MARKS = (
    f"{MARK} marks terms with both rates of false discoveries, over body systems and over terms "
    f"within, at most {MARKED_AT:.0%} (Mehrotra & Heyse 2004; Mehrotra & Adewale 2012; Fisher's "
    "exact test). It is no verdict: look at the estimate, its interval and the participants."
)


@exhibit(
    page="board-safety",
    tab="Terms",
    title="Adverse events by body system and preferred term",
    data=("AE",),
    filtered=True,
    method=(
        SINCE,
        "A participant counts once in each row, at the highest grade there. A row without a "
        "preferred term is of the whole body system.",
    ),
)
def adverse_events_by_term(board: Board) -> Exhibit:
    """Participants and events by body system and preferred term, with the highest grade."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    people = board.ask("safety/people")
    terms = terms_of(board)
    if terms.is_empty():
        return Exhibit(missing="No event has begun since randomization.")
    sizes = dict(people.select("position", "participants").rows())
    labels = {"body_system": "Body system", "preferred_term": "Preferred term"}
    shown = ["body_system", "preferred_term"]
    for position, arm in enumerate(board.arms, start=1):
        whose = f"{arm} (N = {sizes[position]:,})"
        of_this = {
            f"participants_{position}": f"Participants, {whose}",
            f"percent_{position}": f"%, {whose}",
            f"events_{position}": f"Events, {whose}",
            f"serious_{position}": f"With a serious one, {whose}",
            f"grades_{position}": f"By highest grade, {whose}",
        }
        if f"difference_{position}" in terms.columns:
            against = contrast(board, arm)
            of_this |= {
                f"difference_{position}": f"Difference, % points, {against}",
                f"low_{position}": f"95 % from, {against}",
                f"high_{position}": f"to, {against}",
                f"mark_{position}": f"Mark, {against}",
            }
        labels |= of_this
        shown += list(of_this)
    systems = terms.filter(pl.col("preferred_term").is_null()).height
    lists = tuple(
        list_of_events(term or system, body_system=system, preferred_term=term)
        for system, term in terms.select("body_system", "preferred_term").rows()
    )
    return Exhibit(
        answer=f"{counted(terms.height - systems, 'preferred term')} in "
        f"{counted(systems, 'body system')}.",
        denominator="; ".join(
            f"N = {size:,}" if len(sizes) == 1 else f"{board.arms[position - 1]}: N = {size:,}"
            for position, size in sizes.items()
        ),
        sizes=tuple(sizes.values()),
        table=terms.select(shown),
        labels=labels,
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(
            *((DIFFERENCES, MARKS) if compared(board, people) else ()),
            *too_small(board, people),
            *sealed_events(board),
        ),
    )


@exhibit(
    page="board-safety",
    tab="Terms",
    leads=32,
    adds=True,
    title="Most frequent adverse events",
    data=("AE",),
    filtered=True,
    method=(SINCE,),
)
def adverse_event_dots(board: Board) -> Exhibit:
    """The most frequent preferred terms: share of participants by arm, and differences beside."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    people = board.ask("safety/people")
    every = terms_of(board).filter(pl.col("preferred_term").is_not_null())
    if every.is_empty():
        return Exhibit(missing="No event has begun since randomization.")
    positions = people["position"].to_list()
    pairs = compared(board, people)
    total = pl.sum_horizontal(f"participants_{position}" for position in positions)
    terms = every.sort(
        total, "body_system", "preferred_term", descending=[True, False, False]
    ).head(MOST_DOTS)
    if pairs:
        signed = pl.max_horizontal(f"difference_{position}" for position, *_ in pairs)
        terms = terms.sort(signed, descending=True, maintain_order=True)
    names = axis_names(terms["preferred_term"].to_list(), lines=2)
    answer = f"The most frequent: {terms.item(0, 'preferred_term')}."
    beside = None
    apart = _apart(every, pairs)
    if (most := _largest_apart(apart, pairs)) is not None:
        row, position = most
        rest = (
            f"Of {counted(every.height, 'term')} looked at, the interval is without zero for "
            f"{apart.height:,}, some of them by chance alone."
        )
        answer = f"{_held_apart(board, people, row, position)}. {rest}"
        beside = rest if row[f"mark_{position}"] == MARK else None
    elif pairs:
        answer = (
            f"The largest difference among them: {_held_apart(board, people, *largest)}."
            if (largest := _largest_apart(terms, pairs)) is not None
            else "None of them differs between arms."
        )
    labels = {"preferred_term": "Preferred term", "body_system": "Body system"}
    for position, arm in enumerate(board.arms, start=1):
        labels |= {
            f"participants_{position}": f"Participants, {arm}",
            f"percent_{position}": f"%, {arm}",
        }
        if f"difference_{position}" in terms.columns:
            against = contrast(board, arm)
            labels |= {
                f"difference_{position}": f"Difference, % points, {against}",
                f"low_{position}": f"95 % from, {against}",
                f"high_{position}": f"to, {against}",
            }
    lists = tuple(
        list_of_events(str(term), body_system=system, preferred_term=term)
        for system, term in terms.select("body_system", "preferred_term").rows()
    )
    return Exhibit(
        attention=_marked_in_words(board, people, every, pairs),
        answer=answer,
        beside=beside,
        denominator=f"N = {int(people['participants'].sum()):,}; "
        f"{terms.height} of {counted(every.height, 'term')}",
        picture=lambda: _dot_plot(board, terms, names, [position for position, *_ in pairs]),
        description="For each term a dot an arm: the share of participants with it; beside it the "
        "difference from the reference arm with its interval, where there are several arms.",
        table=terms.select(list(labels)),
        labels=labels,
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(
            *((DIFFERENCES,) if pairs else ()),
            *too_small(board, people),
            *sealed_events(board),
        ),
    )


def _largest_apart(terms: pl.DataFrame, pairs: Pairs) -> tuple[dict[str, Any], int] | None:
    """The term and the position of the arm with the largest difference, whatever its sign.

    Under letters the sign says only which arm has the first one.
    """
    return max(
        (
            (row, position)
            for row in terms.iter_rows(named=True)
            for position, *_ in pairs
            if row[f"difference_{position}"]
        ),
        key=lambda found: abs(found[0][f"difference_{found[1]}"]),
        default=None,
    )


def _held_apart(board: Board, people: pl.DataFrame, row: dict[str, Any], position: int) -> str:
    """The counts of an arm and of the reference with a term, and how far apart they are."""
    sizes = dict(people.select("arm", "participants").rows())
    counts = counts_in_arms(
        (
            {"arm": arm, "participants": row[f"participants_{place}"], "all": sizes[arm]}
            for place, arm in enumerate(board.arms, start=1)
            if arm == board.reference_arm or place == position
        ),
        "all",
    )
    names = (f"{name}_{position}" for name in ("difference", "low", "high"))
    return (
        f"{row['preferred_term']}: {counts}; {contrast(board, board.arms[position - 1])} "
        f"{points(row, *names)}"
    )


def _apart(terms: pl.DataFrame, pairs: Pairs) -> pl.DataFrame:
    """The terms with an interval without zero, and of these the differences that have one."""
    if not pairs:
        return terms.clear()
    apart = {
        f"difference_{position}": (pl.col(f"low_{position}") > 0) | (pl.col(f"high_{position}") < 0)
        for position, *_ in pairs
    }
    return terms.filter(pl.any_horizontal(apart.values())).with_columns(
        pl.when(is_apart).then(name).alias(name) for name, is_apart in apart.items()
    )


def _marked_in_words(board: Board, people: pl.DataFrame, terms: pl.DataFrame, pairs: Pairs) -> str:
    """Each term that is marked, by arm; empty where none is."""
    marked = [
        _held_apart(board, people, row, position)
        for row in terms.iter_rows(named=True)
        for position, *_ in pairs
        if row[f"mark_{position}"] == MARK
    ]
    if not marked:
        return ""
    looked_at = counted(terms.height, "term")
    return f"{'. '.join(marked)}. Marked {MARK}: more than chance among {looked_at}."


def _dot_plot(board: Board, terms: pl.DataFrame, names: list[str], beside: list[int]) -> go.Figure:
    """Dots by arm, and beside them the differences of the arms at `beside` (Amit et al. 2008)."""
    drawn = figure(x_title="Participants, %", y_title="", height=170 + 34 * terms.height)
    rows = list(range(terms.height))
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        # Arms stand above each other, so that equal shares do not hide one.
        apart = 0.26 * (position - (len(board.arms) + 1) / 2)
        drawn.add_trace(
            go.Scatter(
                x=terms[f"percent_{position}"].to_list(),
                y=[row + apart for row in rows],
                mode="markers",
                marker={"color": style.color, "symbol": style.symbol, "size": 11},
                name=safe(arm),
                showlegend=len(board.arms) > 1,
                customdata=rows,
                text=names,
                hovertemplate="%{text}: %{x} %<extra>" + safe(arm) + "</extra>",
                cliponaxis=False,
            )
        )
    for step, position in enumerate(beside):
        style = arm_style(position)
        _add_differences(drawn, terms, position, style, 0.18 * (step - (len(beside) - 1) / 2))
    drawn.update_layout(
        yaxis=rows_axis(names),
        xaxis={
            "domain": LEFT_OF_AXIS_BESIDE if beside else [0, 1],
            "rangemode": "tozero",
            "title": {"text": in_lines("Participants, %", 13)},
        },
    )
    if beside:
        drawn.update_layout(xaxis2=axis_beside("Difference, % points"))
    return drawn


def _add_differences(
    drawn: go.Figure, terms: pl.DataFrame, position: int, style: ArmStyle, apart: float
) -> None:
    difference, low, high = (terms[f"{name}_{position}"] for name in ("difference", "low", "high"))
    drawn.add_trace(
        go.Scatter(
            x=difference.to_list(),
            y=[row + apart for row in range(terms.height)],
            xaxis="x2",
            error_x=error_bars(difference, low, high),
            mode="markers",
            marker={"color": style.color, "symbol": f"{style.symbol}-open", "size": 9},
            showlegend=False,
            customdata=list(range(terms.height)),
            hovertemplate="%{x:+.1f} % points<extra></extra>",
        )
    )

"""Is anyone being harmed?"""

from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from access.view import View
from estimators.multiplicity import double_false_discovery_rate
from estimators.proportions import clopper_pearson, fisher_exact, miettinen_nurminen
from estimators.rates import garwood
from exhibits.exhibit import RANDOMIZED, Conclusion, Exhibit, Number, People, exhibit
from exhibits.parts.comparison import contrast, counts_in_arms, points
from exhibits.parts.populations import nobody_to_show, row_name
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
from exhibits.parts.words import counted, number, share
from queries import Board

SINCE = (
    "Events that began at randomization or later. One on day 1 counts, and so does one without a "
    "date, or with a date in part that can be either."
)
KINDS = {
    "any": "Any adverse event",
    "serious": "Serious",
    "grade_3": "Grade 3 and higher",
    "fatal": "Fatal",
    "left": "Left the study for an adverse event",
}
GRADES = (1, 2, 3, 4, 5)
# The dot plot has the most frequent terms: more would not be read.
MOST_DOTS = 20
# Terms are marked where both rates of false discoveries are at most this.
MARKED_AT = 0.10
MARK = "◆"


def sealed_events(board: Board) -> tuple[str, ...]:
    """What to say of events that this view leaves out under sealed terms."""
    if board.is_limited:
        return ("Events under terms that would tell the treatment are not among them.",)
    left_out = board.ask("safety/sealed_events")
    if left_out.is_empty():
        return ()
    at_least, terms = left_out.row(0)
    step = board.trial.blinding.smallest_cell
    size = f"fewer than {step}" if not at_least else f"{at_least:,} to {at_least + step - 1:,}"
    return (
        f"Plus {size} events under {counted(terms, 'sealed term')} that would tell the treatment, "
        "in the whole trial and whatever the filters. Their number is given in steps.",
    )


def list_of_events(title: str, **chosen: Any) -> People:
    """Participants with events: of an arm, a term, a body system, a range of days, a gravity."""
    nothing: dict[str, Any] = {
        "arm": None,
        "body_system": None,
        "preferred_term": None,
        "least_grade": None,
        "from_day": None,
        "to_day": None,
        "serious": False,
        "fatal": False,
    }
    return People(title, "people/with_events", tuple((nothing | chosen).items()))


def list_of_kind(board: Board, kind: str, arm: str | None) -> People:
    """Participants with events of a kind of `KINDS`, of an arm; None for all."""
    title = KINDS[kind] if arm is None else row_name(board, KINDS[kind], arm)
    if kind == "left":
        return People(title, "people/who_left", (("arm", arm),))
    gravity: dict[str, dict[str, Any]] = {
        "serious": {"serious": True},
        "grade_3": {"least_grade": 3},
        "fatal": {"fatal": True},
    }
    return list_of_events(title, arm=arm, **gravity.get(kind, {}))


def _knows_who_left(board: Board) -> bool:
    """Whether this view has the dispositions that say so."""
    is_open = "ADVERSE EVENT" in {term.upper() for term in board.trial.open.dispositions}
    return is_open or board.has_sealed_records


@exhibit(
    page="board-safety",
    leads=31,
    title="Adverse events, overview",
    data=("AE",),
    conclusions=(Conclusion("percent", ("kind", "arm")),),
    filtered=True,
    method=(
        SINCE,
        "A fatal event counts as serious whatever was ticked. Grades: CTCAE where they are "
        "recorded, else mild 1, moderate 2, severe 3; fatal 5.",
        "Shares with exact intervals (Clopper & Pearson 1934). Patient-days: from "
        "randomization to the end of participation or the cut-off, the first day included.",
    ),
)
def adverse_event_overview(board: Board) -> Exhibit:
    """Participants with any, serious, severe and fatal events, and rates by time observed."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    people = board.ask("safety/people")
    rows = board.ask("safety/overview")
    if not _knows_who_left(board):
        rows = rows.filter(pl.col("kind") != "left")
    table = _with_shares(rows.join(people, on=["arm", "position"], suffix="_all", how="left"))
    total = int(people["participants"].sum())
    in_all = {
        str(kind): (_sum(part["participants"]), _sum(part["events"]))
        for (kind,), part in table.group_by("kind", maintain_order=True)
    }
    any_people, any_events = in_all.get("any", (None, None))
    lists = tuple(
        list_of_kind(board, row["kind"], row["arm"]) for row in table.iter_rows(named=True)
    )
    return Exhibit(
        attention=_fatal_apart(board, people, table),
        answer=(
            f"{counted(any_events, 'event')} among {counted(total, 'participant')}; "
            if any_people is None
            else f"{share(any_people, total)} participants had {counted(any_events, 'event')}; "
        )
        + "; ".join(
            f"{words.lower()}: "
            + (
                number(in_all[kind][0])
                if len(board.arms) == 1
                else counts_in_arms(
                    table.filter(pl.col("kind") == kind).to_dicts(), "participants_all"
                )
            )
            for kind, words in KINDS.items()
            if kind in in_all and kind != "any"
        )
        + ".",
        denominator=f"N = {total:,}",
        numbers=tuple(
            Number(
                KINDS[kind],
                share(*_of_all(table, kind, total)),
                _by_arm(board, table.filter(pl.col("kind") == kind)),
                list_of_kind(board, kind, None),
            )
            for kind in in_all
        ),
        picture=lambda: intervals(
            board,
            [(KINDS[kind], table.filter(pl.col("kind") == kind)) for kind in in_all],
            "Participants, %",
        ),
        description="A dot with its interval for each kind of event and arm of this view: the "
        "share of participants with any.",
        table=table.select(
            pl.col("kind").replace(KINDS),
            "arm",
            "participants",
            pl.col("participants_all").alias("of"),
            "percent",
            "low",
            "high",
            "events",
            "observed_days",
            "rate",
        ),
        labels={
            "kind": "Kind",
            "arm": "Arm",
            "participants": "Participants",
            "of": "N",
            "percent": "%",
            "low": "95 % from, %",
            "high": "to, %",
            "events": "Events",
            "observed_days": "Patient-days",
            "rate": "Events per 100 patient-days",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(
            *(
                (
                    "A difference in fatal events needs attention where its 95 % interval "
                    "(Miettinen & Nurminen 1985) is without zero.",
                )
                if compared(board, people)
                else ()
            ),
            *sealed_events(board),
        ),
    )


def _fatal_apart(board: Board, people: pl.DataFrame, table: pl.DataFrame) -> str:
    """Fatal events of arms whose difference has an interval without zero; empty without any."""
    if table["participants"].null_count():
        return ""
    fatal = table.filter(pl.col("kind") == "fatal")
    counts = dict(fatal.select("position", "participants").rows())
    found = []
    for position, size, reference, reference_size in compared(board, people):
        apart = miettinen_nurminen(counts[position], size, counts[reference], reference_size)
        row = {
            name: round(100 * float(value), 1)
            for name, value in (
                ("difference", apart.estimate), ("low", apart.low), ("high", apart.high)
            )
        }  # fmt: skip
        if row["low"] > 0 or row["high"] < 0:
            both = fatal.filter(pl.col("position").is_in([position, reference]))
            found.append(
                f"Fatal: {counts_in_arms(both.iter_rows(named=True), 'participants_all')}; "
                f"{contrast(board, board.arms[position - 1])} "
                f"{points(row, 'difference', 'low', 'high')}."
            )
    return " ".join(found)


def _sum(values: pl.Series) -> int | None:
    """The sum, None if a part of it is not shown."""
    return None if values.null_count() else int(values.sum())


def _of_all(table: pl.DataFrame, kind: str, total: int) -> tuple[int | None, int]:
    return _sum(table.filter(pl.col("kind") == kind)["participants"]), total


def _by_arm(board: Board, rows: pl.DataFrame) -> str:
    if len(board.arms) == 1:
        events = rows["events"].item()
        return "" if rows["kind"].item() == "left" else counted(events, "event")
    return "; ".join(
        f"{row['arm']}: {share(row['participants'], row['participants_all'])}"
        for row in rows.iter_rows(named=True)
    )


def _with_shares(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `participants` of `participants_all` with the share, its interval, and a rate."""
    shown = rows.with_columns(
        pl.col("participants_all").fill_null(0), events=pl.col("events").cast(pl.Int64)
    )
    known = shown["participants"].is_not_null().to_numpy()
    events = shown["participants"].fill_null(0).to_numpy()
    found = clopper_pearson(events, shown["participants_all"].fill_null(0).to_numpy())
    percentages = {
        name: pl.Series(name, np.where(known, 100 * values, np.nan)).fill_nan(None).round(1)
        for name, values in (
            ("percent", found.estimate),
            ("low", found.low),
            ("high", found.high),
        )
    }
    of_people = pl.col("kind") == "left" if "kind" in shown.columns else pl.lit(value=False)
    per_day = 100 * pl.col("events") / pl.col("observed_days")
    return shown.with_columns(**percentages).with_columns(
        events=pl.when(~of_people).then("events"),
        rate=pl.when(~of_people & (pl.col("observed_days") > 0)).then(per_day).round(2),
    )


def intervals(
    board: Board, groups: list[tuple[str, pl.DataFrame]], x_title: str
) -> go.Figure | None:
    """A dot with its interval for each group and arm; a dot leads to the list of its row."""
    names = [in_lines(name, 16) for name, _ in groups]
    height = 150 + len(groups) * (34 + 18 * len(board.arms))
    drawn = figure(x_title=x_title, y_title="", height=height)
    highest, place = 1.0, 0
    places: dict[tuple[str, str], int] = {}
    for name, (_, rows) in zip(names, groups, strict=True):
        for arm in rows["arm"]:
            places[name, arm] = place
            place += 1
    several = len(board.arms) > 1
    for position, arm in enumerate(board.arms, start=1):
        style = arm_style(position)
        shown = [
            (name, row)
            for name, (_, rows) in zip(names, groups, strict=True)
            for row in rows.filter(pl.col("arm") == arm).iter_rows(named=True)
            if row["percent"] is not None
        ]
        if not shown:
            continue
        highest = max([highest, *(row["high"] for _, row in shown)])
        apart = 0.22 * (position - (len(board.arms) + 1) / 2)
        drawn.add_trace(
            go.Scatter(
                x=[row["percent"] for _, row in shown],
                y=[names.index(name) + apart for name, _ in shown],
                error_x=error_bars(
                    *([row[name] for _, row in shown] for name in ("percent", "low", "high"))
                ),
                mode="markers",
                marker={"color": style.color, "symbol": style.symbol, "size": 11},
                name=safe(arm),
                showlegend=several,
                customdata=[places[name, arm] for name, _ in shown],
                text=[share(row["participants"], row["participants_all"]) for _, row in shown],
                hovertemplate="%{text}<extra>" + safe(arm) + "</extra>",
            )
        )
    if not drawn.data:
        return None
    drawn.update_layout(
        yaxis=rows_axis(names) | {"showgrid": False},
        xaxis={"range": [0, min(103, highest * 1.1)]},  # a dot at 100 is whole
    )
    return drawn


# Terms


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


# Onset


@exhibit(
    page="board-safety",
    tab="Onset",
    title="Onset of adverse events",
    data=("AE",),
    filtered=True,
    method=(
        SINCE + " Those without a day of onset are not in this picture.",
        "Exact Poisson intervals (Garwood 1936); they take events as independent, and several "
        "of one participant are not.",
    ),
)
def adverse_event_onset(board: Board) -> Exhibit:
    """When events began: per 100 patient-days observed, by week since randomization."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    days = board.ask("safety/onset")
    observed = days.filter(pl.col("observed") > 0)
    if observed.is_empty() or not days["events"].sum():
        return Exhibit(missing="No event has a day of onset since randomization.")
    edges = _edges(int(observed["study_day"].max()))  # type: ignore[arg-type]
    words = {first: f"{first} to {after - 1}" for first, after in pairwise(edges)}
    week = pl.lit(edges[0])
    for first in edges[1:-1]:
        week = pl.when(pl.col("study_day") >= first).then(first).otherwise(week)
    table = (
        days.with_columns(week.cast(pl.Int64).alias("from_day"))
        .group_by("arm", "position", "from_day", maintain_order=True)
        .agg(pl.sum("events", "grade_3", "observed"))
        .filter(pl.col("observed") > 0)
        .sort("position", "from_day")
    )
    found = garwood(table["events"].to_numpy(), table["observed"].to_numpy().astype(np.float64))
    table = table.with_columns(
        pl.col("from_day").replace_strict(words, return_dtype=pl.String).alias("days"),
        *(
            pl.Series(name, 100 * values).round(2)
            for name, values in (("rate", found.estimate), ("low", found.low), ("high", found.high))
        ),
    )
    lists = tuple(
        list_of_events(
            row_name(board, f"Onset on study days {row['days']}", row["arm"]),
            arm=row["arm"],
            from_day=row["from_day"],
            to_day=edges[edges.index(row["from_day"]) + 1] - 1,
        )
        for row in table.iter_rows(named=True)
    )
    first_week = table.filter(pl.col("from_day") == edges[0])

    def draw() -> go.Figure:
        drawn = figure(x_title="Study day", y_title="Events per 100 patient-days", height=400)
        for position, arm in enumerate(board.arms, start=1):
            style = arm_style(position)
            rows = table.with_row_index("_place").filter(pl.col("position") == position)
            drawn.add_trace(
                go.Scatter(
                    x=[words[first] for first in rows["from_day"]],
                    y=rows["rate"].to_list(),
                    error_y=error_bars(rows["rate"], rows["low"], rows["high"]),
                    mode="markers+lines",
                    marker={"color": style.color, "symbol": style.symbol, "size": 10},
                    line={"color": style.color, "dash": style.dash, "width": 2},
                    name=safe(arm),
                    showlegend=len(board.arms) > 1,
                    customdata=rows["_place"].to_list(),
                    text=rows["events"].to_list(),
                    hovertemplate="Days %{x}: %{text} events, %{y}<extra>" + safe(arm) + "</extra>",
                )
            )
        drawn.update_xaxes(
            type="category",
            categoryorder="array",
            categoryarray=[words[first] for first in edges[:-1]],
        )
        return drawn

    return Exhibit(
        answer=f"In the first period ({words[edges[0]]}): "
        + "; ".join(
            row_name(
                board,
                f"{counted(row['events'], 'event')}, {row['rate']:.1f} per 100 patient-days",
                row["arm"],
            )
            for row in first_week.iter_rows(named=True)
        )
        + ".",
        denominator=f"{counted(int(table['events'].sum()), 'event')} with a day of onset, "
        f"{int(table['observed'].sum()):,} patient-days",
        picture=draw,
        description="A line for each arm of this view: events per 100 patient-days by time since "
        "randomization, with intervals.",
        table=table.select("arm", "days", "events", "grade_3", "observed", "rate", "low", "high"),
        labels={
            "arm": "Arm",
            "days": "Study days",
            "events": "Events that began",
            "grade_3": "of grade 3 and higher",
            "observed": "Patient-days",
            "rate": "Per 100 patient-days",
            "low": "95 % from",
            "high": "to",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(*sealed_events(board),),
    )


def _edges(last: int) -> list[int]:
    """First days of periods, and the day after the last: weeks, or four of them in long studies."""
    step = 7 if last <= 70 else 28
    edges = list(range(1, last + 1, step))
    return [*edges, edges[-1] + step]


# Listings

_LISTED = {
    "subject": "Participant",
    "site": "Site",
    "arm": "Arm",
    "preferred_term": "Preferred term",
    "body_system": "Body system",
    "grade": "Grade",
    "seriousness": "Serious",
    "start_date": "Start",
    "end_date": "End",
    "study_day": "Study day",
    "outcome": "Outcome",
    "marks": "Remark",
}
OUTCOMES = {
    "RECOVERED/RESOLVED": "recovered",
    "RECOVERED/RESOLVED WITH SEQUELAE": "recovered with sequelae",
    "RECOVERING/RESOLVING": "recovering",
    "NOT RECOVERED/NOT RESOLVED": "not recovered",
    "FATAL": "fatal",
    "UNKNOWN": "unknown",
}


def _listing(board: Board, title: str, none: str, **chosen: Any) -> Exhibit:
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    asked = dict(list_of_events(title, **chosen).values)
    rows = board.ask("safety/events", **asked)
    if rows.is_empty():
        return Exhibit(
            answer=none,
            denominator="0 events",
            table=pl.DataFrame(schema=dict.fromkeys(_LISTED, pl.String)),
            labels=_LISTED,
            footnotes=sealed_events(board),
        )
    remark = pl.concat_str(
        pl.when("is_fatal_not_serious").then(pl.lit("fatal, not ticked as serious")),
        pl.when(pl.col("onset") == "on day 1").then(pl.lit("began on the day of randomization")),
        pl.when(pl.col("onset") == "not known to the day").then(
            pl.lit("onset not known to the day")
        ),
        pl.when("is_reported_again").then(pl.lit("reported again, same term, dates and grade")),
        separator="; ",
        ignore_nulls=True,
    )
    table = rows.select(
        "subject",
        "site",
        "arm",
        "preferred_term",
        "body_system",
        "grade",
        pl.when("is_fatal").then(pl.lit("fatal")).when("is_serious").then(pl.lit("yes"))
        .otherwise(pl.lit("")).alias("seriousness"),
        "start_date",
        "end_date",
        "study_day",
        pl.col("outcome").replace(OUTCOMES),
        remark.alias("marks"),
    )  # fmt: skip
    of_people = rows["subject"].n_unique()
    again = int(rows["is_reported_again"].sum())
    return Exhibit(
        answer=f"{counted(rows.height, 'event')} of {counted(of_people, 'participant')}.",
        denominator=counted(rows.height, "event"),
        table=table,
        labels=_LISTED,
        lists=(list_of_events(title, **chosen),),
        row_lists=(0,) * table.height,
        footnotes=(
            *(
                (f"{counted(again, 'record')} repeat an earlier one, and each counts.",)
                * bool(again)
            ),
            *sealed_events(board),
        ),
    )


@exhibit(
    page="board-safety",
    tab="Listings",
    title="Serious adverse events",
    data=("AE",),
    filtered=True,
    method=(SINCE,),
)
def serious_events(board: Board) -> Exhibit:
    """Every serious event, with its dates, grade and outcome."""
    return _listing(board, "Serious adverse events", "No serious event is recorded.", serious=True)


@exhibit(
    page="board-safety",
    tab="Listings",
    title="All adverse events",
    data=("AE",),
    filtered=True,
    method=(SINCE,),
)
def all_events(board: Board) -> Exhibit:
    """Every event since randomization, with its dates, grade and outcome."""
    return _listing(board, "All adverse events", "No event is recorded.")


@exhibit(
    page="board-safety",
    tab="Listings",
    also_on=("board-survival",),
    title="Deaths",
    population=f"{RANDOMIZED}; others who were screened are marked",
    data=("DM",),
    filtered=True,
    by_day=False,
    method=(
        "Deaths are those in demographics (DM); where it has none of a participant, that in "
        "disposition (DS). Discharge does not end observation.",
    ),
)
def deaths(board: Board) -> Exhibit:
    """Every death, with its day, its cause and the fatal events recorded for it."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("safety/deaths")
    people = board.ask("safety/people")
    total, died = int(people["participants"].sum()), int(rows["is_randomized"].sum())
    others = rows.height - died
    table = rows.select(
        "subject",
        "site",
        "arm",
        pl.when("is_randomized").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("randomized"),
        "death_date",
        "study_day",
        *(["cause"] if board.has_sealed_records else []),
        "fatal_events",
    )
    return Exhibit(
        answer=(
            f"{share(died, total)} participants died." if died else f"Nobody of {total:,} has died."
        )
        + (f" Not randomized: {counted(others, 'death')}." if others else ""),
        denominator=f"N = {total:,}",
        table=table,
        labels={
            "subject": "Participant",
            "site": "Site",
            "arm": "Arm",
            "randomized": "Randomized",
            "death_date": "Death",
            "study_day": "Study day",
            "cause": "Cause",
            "fatal_events": "Fatal events",
        },
        lists=(People("Deaths", "people/who_died", (("arm", None),)),) if died else (),
        row_lists=tuple(0 if of_trial else None for of_trial in rows["is_randomized"]),
        footnotes=(
            _where_causes_stand(board),
            *(
                ("Whoever was not randomized is not listed while participants are chosen.",)
                if board.filters.choose_people
                else ()
            ),
            *sealed_events(board),
        ),
    )


def _where_causes_stand(board: Board) -> str:
    if not board.has("DD"):
        return (
            "The extract has no death details (DD), so that causes are fatal adverse events only. "
            "Ask for them in the next extract."
        )
    if not board.has_sealed_records:
        return (
            "The recorded cause is free text, which can tell the treatment; it is shown unblinded "
            "only. Fatal events are adverse events."
        )
    return "Cause: primary cause of death, as recorded. Fatal events are adverse events."


# Unblinded


@exhibit(
    page="board-safety",
    tab="Terms",
    data=("AE",),
    least_view=View.UNBLINDED,
    filtered=True,
    population="Randomized participants, by the treatment they got",
    title="Adverse events as treated",
    method=(
        SINCE,
        "Beside the tables by randomization, and never instead of them.",
    ),
)
def adverse_events_as_treated(board: Board) -> Exhibit:
    """The overview by the treatment that participants got, beside that by randomization."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("treatment/overview_as_treated")
    if not rows["treated"].sum():
        return Exhibit(missing="What participants got is not in the extract (ACTARM).")
    found = clopper_pearson(rows["participants"].to_numpy(), rows["treated"].to_numpy())
    table = rows.select(
        pl.col("kind").replace(KINDS),
        "arm",
        "participants",
        "treated",
        *(
            pl.Series(name, 100 * values).fill_nan(None).round(1)
            for name, values in (
                ("percent", found.estimate),
                ("low", found.low),
                ("high", found.high),
            )
        ),
        "events",
    )
    anyone = rows.filter(pl.col("kind") == "any")
    return Exhibit(
        answer="Any event: "
        + "; ".join(
            f"{row['arm']} {share(row['participants'], row['treated'])}"
            for row in anyone.iter_rows(named=True)
        )
        + ".",
        denominator=f"N = {int(anyone['treated'].sum()):,}",
        table=table,
        labels={
            "kind": "Kind",
            "arm": "Treatment",
            "participants": "Participants",
            "treated": "N",
            "percent": "%",
            "low": "95 % from, %",
            "high": "to, %",
            "events": "Events",
        },
    )


@exhibit(
    page="board-safety",
    tab="Terms",
    data=("AE",),
    least_view=View.UNBLINDED,
    filtered=True,
    title="Relation to the treatment, and action taken",
    method=(
        SINCE,
        "As the investigators judged, who knew the treatment.",
    ),
)
def related_events(board: Board) -> Exhibit:
    """How events were judged: related to the treatment or not, and what was done with it."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("treatment/related_events")
    if rows.is_empty():
        return Exhibit(missing="No event has begun since randomization.")
    of_relation = rows.filter(pl.col("judgment").str.starts_with("Relation"))
    return Exhibit(
        answer=_stopped(rows),
        denominator=counted(int(of_relation["events"].sum()), "event"),
        table=rows.drop("position").with_columns(pl.col("value").str.to_lowercase()),
        labels={
            "judgment": "Judgment",
            "value": "As recorded",
            "arm": "Arm",
            "participants": "Participants",
            "events": "Events",
        },
    )


def _stopped(rows: pl.DataFrame) -> str:
    stopped = rows.filter(pl.col("value") == "DRUG WITHDRAWN")
    if stopped.is_empty():
        return "No event led to stopping the treatment."
    said = "; ".join(
        f"{row['arm']} {counted(row['participants'], 'participant')}"
        for row in stopped.iter_rows(named=True)
    )
    return f"Events led to stopping the treatment: {said}."

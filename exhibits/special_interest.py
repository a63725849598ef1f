"""Adverse events of special interest: who had them, when, and what supports the cases."""

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import plotly.graph_objects as go
import polars as pl

from estimators.proportions import clopper_pearson, miettinen_nurminen
from estimators.rates import garwood
from estimators.time_to_event import (
    CumulativeIncidence,
    aalen_johansen,
    incidence_on,
    kaplan_meier,
    log_rank,
)
from exhibits.conduct import NOBODY, RANDOMIZED, row_name
from exhibits.exhibit import Exhibit, People, exhibit
from exhibits.theme import arm_style, figure, in_lines, safe
from exhibits.words import counted, decimal, percent, share
from queries import Board
from trials.definition import SpecialInterest

NO_GROUPS = (
    "The trial definition names no groups of special interest: name them under "
    "[[special_interest]]."
)
NO_EVENTS = (
    "The extract has no dataset AE, so events are not known. Ask for AE in the next extract."
)
NOBODY_LEFT = "The filters leave nobody. Choose fewer of them."
SINCE = (
    "Events that began at randomization or later. One on day 1 counts, and so does one without a "
    "date, or with a date in part that can be either. A fatal event is serious whatever was ticked."
)
GROUPS = (
    "Groups of preferred terms by the trial definition, compared without regard to case, "
    "punctuation and spelling; an event can belong to several. All need medical review."
)
# Days of the schedule that stand for weeks and months in a table.
MILESTONES = (7, 14, 28, 56, 84, 182, 364)
# Under so many events in all the chi-square distribution of a log-rank test is poor.
LEAST_EVENTS = 10
EVENT, DEATH = 1, 2


def cutoff_of(board: Board) -> date:
    """The data cut-off, as questions bind it."""
    return board.snapshot.manifest.cutoff


def bound_terms(groups: Sequence[SpecialInterest]) -> list[dict[str, Any]]:
    """The terms of groups, as questions bind them; a term without a category counts alone."""
    return [
        {"group": group.id, "number": number, "term": term, "category": None, "days": None}
        for number, group in enumerate(groups)
        for term in group.terms
    ]


def nothing_to_show(board: Board, title: str, population: str = RANDOMIZED) -> Exhibit | None:
    """In place of an exhibit: no groups, no events, or nobody."""
    people = board.ask("special_interest/people", cutoff=cutoff_of(board))
    if not board.trial.special_interest:
        return Exhibit(title, population, missing=NO_GROUPS)
    if not board.has("AE"):
        return Exhibit(title, population, missing=NO_EVENTS)
    if not people["participants"].sum():
        missing = NOBODY_LEFT if board.filters.choose_people else NOBODY
        return Exhibit(title, population, missing=missing)
    return None


def too_few_to_estimate(board: Board, people: pl.DataFrame) -> tuple[str, ...]:
    """A footnote where an arm has too few participants: then there are counts and no estimates."""
    least = board.trial.subgroups.minimum_per_arm
    if all(count >= least for count in people["participants"]):
        return ()
    return (f"Counts only: estimates are shown from {least} participants in each arm on.",)


def sealed_terms(board: Board) -> tuple[str, ...]:
    """A footnote about terms of the groups under which this view has no events."""
    if board.has_sealed_records:
        return ()
    sealed = {" ".join(term.casefold().split()) for term in board.trial.sealed.preferred_terms}
    left_out = {
        term
        for group in board.trial.special_interest
        for term in group.terms
        if " ".join(term.casefold().split()) in sealed
    }
    if not left_out:
        return ()
    return (
        f"Events under {counted(len(left_out), 'term')} of these groups would tell the treatment: "
        "they are sealed, and are not among what is counted here.",
    )


def list_of(board: Board, group: SpecialInterest | None, arm: str | None, **chosen: bool) -> People:
    """Participants with events of a group, of an arm."""
    name = group.name if group else "Events of special interest"
    return People(
        title=row_name(board, name, arm) if arm else name,
        question="people/with_special_interest",
        values=(
            ("terms", bound_terms(board.trial.special_interest)),
            ("group", group.id if group else None),
            ("arm", arm),
            ("serious", chosen.get("serious", False)),
            ("fatal", chosen.get("fatal", False)),
            ("cutoff", cutoff_of(board)),
        ),
    )


def _in_percent(values: Any, *, shown: bool) -> list[float | None]:
    """Shares as percentages for a table; none where there are none, or none are shown."""
    return _rounded([100 * float(value) for value in values], shown=shown, places=1)


@exhibit(filtered=True)
def special_interest_overview(board: Board) -> Exhibit:
    """Participants with events of each group of special interest, with intervals and rates."""
    title = "Events of special interest"
    if (nothing := nothing_to_show(board, title)) is not None:
        return nothing
    groups = board.trial.special_interest
    people = board.ask("special_interest/people", cutoff=cutoff_of(board))
    rows = board.ask(
        "special_interest/by_group", terms=bound_terms(groups), cutoff=cutoff_of(board)
    ).join(
        people.rename({"participants": "randomized"}), on=["arm", "position"], maintain_order="left"
    )
    few = too_few_to_estimate(board, people)
    shown = not few
    shares = clopper_pearson(rows["participants"].to_numpy(), rows["randomized"].to_numpy())
    rates = garwood(rows["events"].to_numpy(), rows["observed_days"].to_numpy() / 100)
    names = {group.id: group.name for group in groups}
    table = rows.select(
        pl.col("group").replace_strict(names).alias("name"),
        "arm",
        "randomized",
        "participants",
        pl.Series("share_percent", _in_percent(shares.estimate, shown=shown), pl.Float64),
        pl.Series("low_percent", _in_percent(shares.low, shown=shown), pl.Float64),
        pl.Series("high_percent", _in_percent(shares.high, shown=shown), pl.Float64),
        "events",
        "serious",
        "fatal",
        "observed_days",
        pl.Series("rate", _rounded(rates.estimate, shown=shown), pl.Float64),
        pl.Series("rate_low", _rounded(rates.low, shown=shown), pl.Float64),
        pl.Series("rate_high", _rounded(rates.high, shown=shown), pl.Float64),
        *_differences(board, rows, shown=shown),
    )
    total = int(people["participants"].sum())
    by_group = (
        rows.group_by("group", maintain_order=True)
        .agg(pl.col("participants", "events").sum())
        .sort("participants", descending=True, maintain_order=True)
    )
    most, had, events = by_group.row(0)
    any_list = [row["participants"] > 0 for row in rows.iter_rows(named=True)]
    lists = tuple(
        list_of(board, groups_by_id(board)[row["group"]], row["arm"])
        for row in rows.filter(pl.col("participants") > 0).iter_rows(named=True)
    )
    places = iter(range(len(lists)))
    row_lists = tuple(next(places) if some else None for some in any_list)
    return Exhibit(
        title=title,
        population=RANDOMIZED,
        answer=f"Most frequent: {names[most]}, {share(had, total)} participants with "
        f"{counted(events, 'event')}."
        if had
        else "Nobody had an event of special interest.",
        denominator=f"N = {total:,}; {counted(int(people['observed_days'].sum()), 'patient-day')}",
        figure=_shares_drawn(board, table, row_lists) if shown else None,
        description="A row for each group and arm of this view: a dot at the share of participants "
        "with an event, and its 95 % interval as a line.",
        table=table,
        labels=OVERVIEW_LABELS | {"difference": f"Difference to {board.reference_arm}, points"},
        footnotes=(
            SINCE,
            GROUPS,
            "Share of participants with the exact interval (Clopper & Pearson 1934). Rate: all "
            "events per 100 patient-days since randomization, with Garwood's interval (1936), "
            "which is too narrow where somebody has many events."
            + (
                f" Difference to {board.reference_arm} by Miettinen & Nurminen (1985). Intervals "
                "are 95 %, none is adjusted for the number of groups."
                if len(board.arms) > 1
                else ""
            ),
            *few,
            *sealed_terms(board),
            *(f"{group.name}: {group.why}" for group in groups),
        ),
        assumptions=board.trial.assumptions("special_interest"),
        lists=lists,
        row_lists=row_lists,
    )


OVERVIEW_LABELS = {
    "name": "Group",
    "arm": "Arm",
    "randomized": "Randomized",
    "participants": "Participants with any",
    "share_percent": "Share, %",
    "low_percent": "95 % low, %",
    "high_percent": "95 % high, %",
    "events": "Events",
    "serious": "With a serious one",
    "fatal": "With a fatal one",
    "observed_days": "Patient-days",
    "rate": "Events per 100 patient-days",
    "rate_low": "Rate, 95 % low",
    "rate_high": "Rate, 95 % high",
    "difference_low": "Difference, 95 % low",
    "difference_high": "Difference, 95 % high",
}


def groups_by_id(board: Board) -> dict[str, SpecialInterest]:
    """The groups of the trial definition."""
    return {group.id: group for group in board.trial.special_interest}


def _rounded(values: Any, *, shown: bool, places: int = 3) -> list[float | None]:
    return [
        round(float(value), places) if shown and math.isfinite(value) else None for value in values
    ]


def _differences(board: Board, rows: pl.DataFrame, *, shown: bool) -> list[pl.Series]:
    """Differences to the reference arm, in percentage points; none of that arm itself."""
    if len(board.arms) < 2:
        return []
    reference = rows.filter(pl.col("arm") == board.reference_arm).select(
        "group", reference="participants", reference_all="randomized"
    )
    both = rows.join(reference, on="group", how="left", maintain_order="left")
    found = miettinen_nurminen(
        both["participants"].to_numpy(),
        both["randomized"].to_numpy(),
        both["reference"].to_numpy(),
        both["reference_all"].to_numpy(),
    )
    is_reference = (rows["arm"] == board.reference_arm).to_list()
    return [
        pl.Series(
            name,
            [
                None if itself else value
                for itself, value in zip(
                    is_reference, _in_percent(values, shown=shown), strict=True
                )
            ],
            pl.Float64,
        )
        for name, values in (
            ("difference", found.estimate),
            ("difference_low", found.low),
            ("difference_high", found.high),
        )
    ]


def _shares_drawn(
    board: Board, table: pl.DataFrame, row_lists: tuple[int | None, ...]
) -> go.Figure:
    arms = len(board.arms)
    names = table["name"].unique(maintain_order=True).to_list()
    drawn = figure(
        x_title="Participants with an event, %",
        y_title="",
        height=150 + (30 + 24 * arms) * len(names),
    )
    placed = table.with_columns(pl.Series("list", row_lists, pl.Int64))
    for position, arm in enumerate(board.arms, start=1):
        style, rows = arm_style(position), placed.filter(pl.col("arm") == arm)
        middle, low, high = (
            rows[name].to_list() for name in ("share_percent", "low_percent", "high_percent")
        )
        drawn.add_trace(
            go.Scatter(
                x=middle,
                y=[place * (arms + 1) + position for place in range(rows.height)],
                mode="markers",
                name=safe(arm),
                showlegend=arms > 1,
                marker={"color": style.color, "symbol": style.symbol, "size": 11},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [top - value for top, value in zip(high, middle, strict=True)],
                    "arrayminus": [value - end for end, value in zip(low, middle, strict=True)],
                    "color": style.color,
                    "thickness": 2,
                },
                customdata=rows["list"].to_list(),
                text=[
                    f"{safe(row['name'])}: {row['participants']} of {row['randomized']}"
                    for row in rows.iter_rows(named=True)
                ],
                hovertemplate="%{text}, %{x} %<extra></extra>",
            )
        )
    drawn.update_yaxes(
        tickmode="array",
        tickvals=[place * (arms + 1) + (arms + 1) / 2 for place in range(len(names))],
        ticktext=[in_lines(name) for name in names],
        range=[len(names) * (arms + 1), 0],
        showgrid=False,
    )
    widest = max(10.0, *table["high_percent"].to_list())
    drawn.update_xaxes(range=[0, min(105.0, 1.05 * widest)])
    return drawn


@exhibit(filtered=True)
def special_interest_incidence(board: Board) -> Exhibit:
    """Cumulative incidence of the first event of each group, with death competing."""
    title = "Time to the first event of special interest"
    if (nothing := nothing_to_show(board, title)) is not None:
        return nothing
    groups = board.trial.special_interest
    everybody = board.ask(
        "special_interest/first_events", terms=bound_terms(groups), cutoff=cutoff_of(board)
    )
    known = everybody.filter(pl.col("day").is_not_null())
    people = board.ask("special_interest/people", cutoff=cutoff_of(board))
    few = too_few_to_estimate(board, people)
    days = milestones(board, max(known["day"].to_list(), default=0))
    rows: list[dict[str, Any]] = []
    lists: list[People] = []
    row_lists: list[int | None] = []
    drawn = _incidence_figure(groups) if not few and known.height else None
    for place, group in enumerate(groups, start=1):
        for position, arm in enumerate(board.arms, start=1):
            of_arm = known.filter(pl.col("group") == group.id, pl.col("arm") == arm)
            time, outcome = of_arm["day"].to_numpy(), of_arm["outcome"].to_numpy()
            curves = aalen_johansen(time, outcome, codes=[EVENT, DEATH])
            on = incidence_on(curves, days)
            median = kaplan_meier(time, outcome == EVENT).median.days
            had = int((outcome == EVENT).sum())
            if had:
                lists.append(list_of(board, group, arm))
            for row, day in enumerate(days):
                row_lists.append(len(lists) - 1 if had else None)
                until = (outcome == EVENT) & (time <= day)
                rows.append(
                    {
                        "name": group.name,
                        "arm": arm,
                        "day": day,
                        "participants": of_arm.height,
                        "at_risk": int(on.at_risk[row]),
                        "events": int(until.sum()),
                        "incidence_percent": _in_percent([on.incidence[0, row]], shown=not few)[0],
                        "low_percent": _in_percent([on.low[0, row]], shown=not few)[0],
                        "high_percent": _in_percent([on.high[0, row]], shown=not few)[0],
                        "death_percent": _in_percent([on.incidence[1, row]], shown=not few)[0],
                        "median_day": median if not few else None,
                    }
                )
            if drawn is not None:
                _add_curve(drawn, board, place, position, curves)
    last = days[-1]
    total = int(people["participants"].sum())
    first = known.filter(pl.col("outcome") == EVENT).height
    left_out = everybody.filter(pl.col("day").is_null()).group_by("group").len()
    left_out_most = max(left_out["len"].to_list(), default=0)
    imputed = int(known["is_earliest"].sum())
    return Exhibit(
        title=title,
        population=RANDOMIZED,
        answer=_incidence_answer(board, known, last) if not few else "Too few for estimates.",
        denominator=f"N = {total:,}; {counted(first, 'first event')} of "
        f"{counted(len(groups), 'group')}",
        figure=drawn,
        description="A panel for each group: step curves of the share of participants who had a "
        "first event by each study day, one for each arm of this view.",
        table=pl.DataFrame(rows, schema=INCIDENCE_SCHEMA),
        labels=INCIDENCE_LABELS,
        footnotes=(
            SINCE,
            "Aalen & Johansen's estimate (1978) with death as the competing event; 95 % limits on "
            "the log-log scale (Choudhury 2002), none where nobody had the event. Day 1 is the day "
            "of randomization. Completing or leaving the study and the data cut-off end the "
            "observation (censoring); discharge from hospital does not. An event on the day of "
            "death counts as the event.",
            *(
                (
                    f"{counted(imputed, 'first event')} without a day of onset stand on the "
                    "earliest day that they can have begun.",
                )
                if imputed
                else ()
            ),
            *(
                (
                    f"Not in the curves: {counted(left_out_most, 'participant')} without a date of "
                    "randomization or of death.",
                )
                if left_out_most
                else ()
            ),
            *(() if few else _log_rank_words(board, known)),
            *few,
            *sealed_terms(board),
        ),
        assumptions=board.trial.assumptions("special_interest", "schedule"),
        lists=tuple(lists),
        row_lists=tuple(row_lists),
    )


INCIDENCE_SCHEMA = {
    "name": pl.String,
    "arm": pl.String,
    "day": pl.Int64,
    "participants": pl.Int64,
    "at_risk": pl.Int64,
    "events": pl.Int64,
    "incidence_percent": pl.Float64,
    "low_percent": pl.Float64,
    "high_percent": pl.Float64,
    "death_percent": pl.Float64,
    "median_day": pl.Float64,
}
INCIDENCE_LABELS = {
    "name": "Group",
    "arm": "Arm",
    "day": "Study day",
    "participants": "Participants",
    "at_risk": "At risk",
    "events": "With a first event",
    "incidence_percent": "Cumulative incidence, %",
    "low_percent": "95 % low, %",
    "high_percent": "95 % high, %",
    "death_percent": "Died without one, %",
    "median_day": "Median day (Kaplan–Meier)",
}


def milestones(board: Board, longest: int) -> list[int]:
    """Days of the schedule for a table: those that stand for weeks or months, and the last one."""
    planned = [visit.day for visit in board.trial.schedule if visit.day > 1]
    chosen = [day for day in planned if day in MILESTONES]
    return sorted({*chosen, planned[-1]}) if planned else [max(longest, 1)]


def _incidence_answer(board: Board, known: pl.DataFrame, last: int) -> str:
    """By the last day, the group that most had, in each arm."""
    counts = known.filter(pl.col("outcome") == EVENT).group_by("group").len().sort("len", "group")
    if counts.is_empty():
        return "Nobody had an event of special interest."
    group = groups_by_id(board)[counts["group"].item(-1)]
    said = []
    for arm in board.arms:
        rows = known.filter(pl.col("group") == group.id, pl.col("arm") == arm)
        if rows.is_empty():
            continue
        curves = aalen_johansen(rows["day"].to_numpy(), rows["outcome"].to_numpy(), codes=[1, 2])
        value = incidence_on(curves, [last]).incidence[0, 0]
        words = percent(value) if math.isfinite(value) else f"not known on day {last}"
        said.append(words if len(board.arms) == 1 else f"{words} ({arm})")
    return f"{group.name} by study day {last}: {', '.join(said)}."


def _log_rank_words(board: Board, known: pl.DataFrame) -> tuple[str, ...]:
    """Tests and medians, where there are arms to compare and enough events; secondary."""
    if len(board.arms) < 2:
        return ()
    words = []
    for group in board.trial.special_interest:
        rows = known.filter(pl.col("group") == group.id)
        event = (rows["outcome"] == EVENT).to_numpy()
        if event.sum() < LEAST_EVENTS:
            continue
        test = log_rank(rows["day"].to_numpy(), event, rows["arm"].to_list())
        if test.chi_square is None or test.p is None:
            continue
        p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
        medians = []
        for arm in board.arms:
            of_arm = rows.filter(pl.col("arm") == arm)
            found = kaplan_meier(of_arm["day"].to_numpy(), (of_arm["outcome"] == EVENT).to_numpy())
            median = found.median.days
            medians.append(f"{arm} {'not reached' if median is None else decimal(median, 0)}")
        words.append(
            f"{group.name}, secondary: log-rank χ² {test.chi_square:.2f} on "
            f"{test.degrees_of_freedom} df, {p}; median day (Kaplan–Meier): {'; '.join(medians)}."
        )
    if not words:
        return ()
    return (
        "The log-rank test (Mantel 1966) and Kaplan–Meier medians censor deaths; no p-value is "
        f"adjusted, and none is shown under {LEAST_EVENTS} first events.",
        *words,
    )


def _incidence_figure(groups: Sequence[SpecialInterest]) -> go.Figure:
    drawn = figure(x_title="Study day", y_title="", height=110 + 230 * len(groups))
    style = drawn.layout.xaxis.to_plotly_json()
    drawn.set_subplots(
        rows=len(groups),
        cols=1,
        subplot_titles=[in_lines(group.name, 36) for group in groups],
        vertical_spacing=0.3 / len(groups) if len(groups) > 1 else 0,
    )
    shared = {key: style[key] for key in ("gridcolor", "zeroline", "automargin", "tickfont")}
    drawn.update_xaxes(**shared, title={"text": "Study day"}, rangemode="tozero")
    drawn.update_yaxes(**shared, title={"text": "%"}, rangemode="tozero")
    drawn.update_annotations(font={"size": 15}, x=0, xanchor="left")
    drawn.update_layout(legend={"y": 1 + 60 / (110 + 230 * len(groups))}, margin={"t": 80})
    return drawn


def _add_curve(
    drawn: go.Figure, board: Board, row: int, position: int, curves: CumulativeIncidence
) -> None:
    style, arm = arm_style(position), board.arms[position - 1]
    drawn.add_trace(
        go.Scatter(
            x=[0.0, *curves.times.tolist()],
            y=[0.0, *_in_percent(curves.incidence[0], shown=True)],
            mode="lines",
            line={"color": style.color, "dash": style.dash, "shape": "hv", "width": 3},
            name=safe(arm),
            legendgroup=safe(arm),
            showlegend=len(board.arms) > 1 and row == 1,
            hovertemplate=f"{safe(arm)}: " + "%{y} % by day %{x}<extra></extra>",
        ),
        row=row,
        col=1,
    )

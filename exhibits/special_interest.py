"""Adverse events of special interest: who had them, when, and what supports the cases."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import polars as pl

from access.view import View
from estimators.proportions import clopper_pearson, miettinen_nurminen
from estimators.rates import garwood
from estimators.time_to_event import (
    aalen_johansen,
    incidence_on,
    kaplan_meier,
    log_rank,
)
from exhibits.exhibit import Conclusion, Exhibit, Number, People, exhibit
from exhibits.parts.comparison import contrast, counts_in_arms, points
from exhibits.parts.incidence_curves import (
    days_apart,
    in_percent,
    incidence_curve,
    incidence_figure,
    milestones,
)
from exhibits.parts.populations import nobody_to_show, row_name
from exhibits.parts.theme import ACCENT, arm_style, error_bars, figure, in_lines, safe
from exhibits.parts.words import counted, decimal, number, percent, share, unit
from exhibits.safety import SINCE as BEGAN
from queries import Board
from trials.definition import SpecialInterest

SINCE = f"{BEGAN} A fatal event is serious whatever was ticked."
GROUPS = (
    "Groups of preferred terms by the trial definition, compared without regard to case, "
    "punctuation and spelling; an event can belong to several. All need medical review."
)
# Under so many events in all the chi-square distribution of a log-rank test is poor.
LEAST_EVENTS = 10
EVENT, DEATH = 1, 2


def bound_terms(groups: Sequence[SpecialInterest]) -> list[dict[str, Any]]:
    """The terms of groups, as questions bind them; a term without a category counts alone."""
    return [
        {
            "group": group.id,
            "number": number,
            "term": term,
            "category": category,
            "days": group.algorithm_days,
        }
        for number, group in enumerate(groups)
        for term, category in group.counted_terms
    ]


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
        for term, _ in group.counted_terms
        if " ".join(term.casefold().split()) in sealed
    }
    if not left_out:
        return ()
    return (
        f"Events under {counted(len(left_out), 'term')} of these groups would tell the treatment: "
        "they are sealed, and are not among what is counted here.",
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
        ),
    )


@exhibit(
    page="board-special-interest",
    leads=21,
    title="Events of special interest",
    needs=("special_interest",),
    data=("AE",),
    conclusions=(Conclusion("share_percent", ("name", "arm")),),
    filtered=True,
    method=(
        SINCE,
        GROUPS,
    ),
)
def special_interest_overview(board: Board) -> Exhibit:
    """Participants with events of each group of special interest, with intervals and rates."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    groups = board.trial.special_interest
    people = board.ask("safety/people")
    rows = board.ask("special_interest/by_group", terms=bound_terms(groups)).join(
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
        pl.Series("share_percent", in_percent(shares.estimate, shown=shown), pl.Float64),
        pl.Series("low_percent", in_percent(shares.low, shown=shown), pl.Float64),
        pl.Series("high_percent", in_percent(shares.high, shown=shown), pl.Float64),
        "events",
        "serious",
        "fatal",
        "observed_days",
        pl.Series("rate", _rounded(rates.estimate, shown=shown), pl.Float64),
        pl.Series("rate_low", _rounded(rates.low, shown=shown), pl.Float64),
        pl.Series("rate_high", _rounded(rates.high, shown=shown), pl.Float64),
        *differences(board, rows, shown=shown),
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
    most_frequent = (
        f"Most frequent: {names[most]}, {share(had, total)} participants with "
        f"{counted(events, 'event')}."
    )
    largest = _largest_difference(table)
    answer = most_frequent if had else "Nobody had an event of special interest."
    if had and largest is not None:
        held = _held_against_reference(board, table, largest, "name")
        answer += f" Largest difference: {held}."
    return Exhibit(
        answer=answer,
        attention=apart_in_words(board, table, "name"),
        beside=most_frequent if largest is not None and _is_apart(largest) else None,
        denominator=f"N = {total:,}; {counted(int(people['observed_days'].sum()), 'patient-day')}",
        picture=(lambda: _shares_drawn(board, table, row_lists)) if shown else None,
        description="A row for each group and arm of this view: a dot at the share of participants "
        "with an event, and its 95 % interval as a line.",
        table=table,
        labels=OVERVIEW_LABELS | {"difference": f"Difference to {board.reference_arm}, points"},
        footnotes=(
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
            *standard_queries(board),
            *sealed_terms(board),
            *(f"{group.name}: {group.why}" for group in groups),
        ),
        assumptions=board.trial.assumptions("special_interest"),
        lists=lists,
        row_lists=row_lists,
    )


def apart_in_words(board: Board, table: pl.DataFrame, name: str) -> str:
    """A sentence on every difference whose interval has no zero; empty where there is none."""
    if "difference_low" not in table.columns:
        return ""
    return " ".join(
        f"{_held_against_reference(board, table, row, name)}."
        for row in table.drop_nulls("difference_low").iter_rows(named=True)
        if _is_apart(row)
    )


def _is_apart(row: Mapping[str, Any]) -> bool:
    """Whether the interval of a difference has no zero."""
    return bool(row["difference_low"] > 0 or row["difference_high"] < 0)


def _held_against_reference(
    board: Board, table: pl.DataFrame, row: Mapping[str, Any], name: str
) -> str:
    """The counts of an arm and of the reference in one group, and how far apart they are."""
    (reference,) = table.filter(
        (pl.col(name) == row[name]) & (pl.col("arm") == board.reference_arm)
    ).iter_rows(named=True)
    both = sorted((row, reference), key=lambda one: board.arms.index(one["arm"]))
    counts = counts_in_arms(both, "randomized")
    zero = "" if _is_apart(row) else "; the interval includes zero"
    return (
        f"{row[name]}: {counts}; {contrast(board, row['arm'])} "
        f"{points(row, 'difference', 'difference_low', 'difference_high')}{zero}"
    )


def _largest_difference(table: pl.DataFrame) -> dict[str, Any] | None:
    """The row of the group in which an arm differs most from the reference, if any does."""
    if "difference" not in table.columns:
        return None
    apart = table.filter(pl.col("difference") != 0).sort(
        pl.col("difference").abs(), descending=True, maintain_order=True
    )
    return apart.row(0, named=True) if apart.height else None


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


def differences(board: Board, rows: pl.DataFrame, *, shown: bool) -> list[pl.Series]:
    """Differences to the reference arm, in percentage points; none of that arm itself.

    Args:
        rows: `group`, `arm`, `participants` with an event, and `randomized`, of whom.
    """
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
                for itself, value in zip(is_reference, in_percent(values, shown=shown), strict=True)
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
                error_x=error_bars(middle, low, high),
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
    # From a little under zero, so that a dot at zero is whole.
    drawn.update_xaxes(range=[-0.03 * widest, min(105.0, 1.05 * widest)])
    return drawn


@exhibit(
    page="board-special-interest",
    title="Time to the first event of special interest",
    needs=("special_interest",),
    data=("AE",),
    filtered=True,
    method=(
        SINCE,
        "Aalen & Johansen's estimate (1978) with death as the competing event; 95 % limits on "
        "the log-log scale (Choudhury 2002), none where nobody had the event. Day 1 is the day "
        "of randomization. Completing or leaving the study and the data cut-off end the "
        "observation (censoring); discharge from hospital does not. An event on the day of "
        "death counts as the event.",
    ),
)
def special_interest_incidence(board: Board) -> Exhibit:
    """Cumulative incidence of the first event of each group, with death competing."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    groups = board.trial.special_interest
    everybody = board.ask("special_interest/first_events", terms=bound_terms(groups))
    known = everybody.filter(pl.col("day").is_not_null())
    people = board.ask("safety/people")
    few = too_few_to_estimate(board, people)
    days = milestones(board, max(known["day"].to_list(), default=0))
    rows: list[dict[str, Any]] = []
    lists: list[People] = []
    row_lists: list[int | None] = []
    had_any = set(known.filter(pl.col("outcome") == EVENT)["group"])
    # An empty panel says less than a sentence.
    drawn = [group for group in groups if group.id in had_any and not few]
    traces: list[dict[str, Any]] = []
    for group in groups:
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
                        "incidence_percent": in_percent([on.incidence[0, row]], shown=not few)[0],
                        "low_percent": in_percent([on.low[0, row]], shown=not few)[0],
                        "high_percent": in_percent([on.high[0, row]], shown=not few)[0],
                        "death_percent": in_percent([on.incidence[1, row]], shown=not few)[0],
                        "median_day": median if not few else None,
                    }
                )
            if group in drawn:
                people_behind = len(lists) - 1 if had else None
                panel = drawn.index(group) + 1
                traces.append(
                    incidence_curve(board, panel, position, curves, days[-1], people=people_behind)
                )
    last = days[-1]
    total = int(people["participants"].sum())
    first = known.filter(pl.col("outcome") == EVENT).height
    left_out = everybody.filter(pl.col("day").is_null()).group_by("group").len()
    left_out_most = max(left_out["len"].to_list(), default=0)
    imputed = int(known["is_earliest"].sum())
    return Exhibit(
        answer=_incidence_answer(board, known, last) if not few else "Too few for estimates.",
        denominator=f"N = {total:,}; {counted(first, 'first event')} of "
        f"{counted(len(groups), 'group')}",
        picture=(
            lambda: incidence_figure(
                {group.name: "Participants, %" for group in drawn},
                traces,
                days_apart([1, *days], days[-1]),
            )
        )
        if drawn
        else None,
        description="A panel for each group that anybody had an event of: step curves of the share "
        "of participants who had a first event by each study day, one for each arm of this view.",
        table=pl.DataFrame(rows, schema=INCIDENCE_SCHEMA),
        labels=INCIDENCE_LABELS,
        footnotes=(
            *(
                (
                    f"{counted(imputed, 'first event')} without a day of onset: on the earliest "
                    "day possible.",
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
            *standard_queries(board),
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


def _incidence_answer(board: Board, known: pl.DataFrame, last: int) -> str:
    """By the last day, how many had an event of each group that anybody had, in each arm."""
    had = set(known.filter(pl.col("outcome") == EVENT)["group"])
    said = []
    for group in board.trial.special_interest:
        shares = []
        for arm in board.arms if group.id in had else ():
            rows = known.filter(pl.col("group") == group.id, pl.col("arm") == arm)
            if rows.is_empty():
                continue
            days, outcomes = rows["day"].to_numpy(), rows["outcome"].to_numpy()
            curves = aalen_johansen(days, outcomes, codes=[1, 2])
            value = incidence_on(curves, [last]).incidence[0, 0]
            words = percent(value) if math.isfinite(value) else f"not known on day {last}"
            shares.append(words if len(board.arms) == 1 else f"{words} ({arm})")
        if shares:
            said.append(f"{group.name} {', '.join(shares)}")
    if not said:
        return "Nobody had an event of special interest."
    none = [group.name for group in board.trial.special_interest if group.id not in had]
    nobody = f" Nobody had an event of: {'; '.join(none)}." if none else ""
    return f"By study day {last}: {'; '.join(said)}.{nobody}"


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


@exhibit(
    page="board-special-interest",
    title="Cases of special interest",
    population="Events of randomized participants",
    needs=("special_interest",),
    data=("AE",),
    filtered=True,
    method=(
        SINCE,
        GROUPS + " An event that belongs to two groups is a case of each.",
        "A result beyond a limit supports a case and does not prove it; one that is missing "
        "speaks neither for nor against it.",
    ),
)
def special_interest_cases(board: Board) -> Exhibit:
    """Every case: whose, what, when, and which results around the onset support it."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    groups = groups_by_id(board)
    terms = bound_terms(board.trial.special_interest)
    cases = board.ask("special_interest/cases", terms=terms)
    table = (
        cases.join(
            _support_by_case(board, terms),
            on=["group", "record_key"],
            how="left",
            maintain_order="left",
        )
        .select(
            pl.col("group").replace_strict({key: group.name for key, group in groups.items()}),
            "subject",
            "site",
            *(["arm"] if len(board.arms) > 1 else []),
            "preferred_term",
            "grade",
            pl.when("is_fatal")
            .then(pl.lit("fatal"))
            .when("is_serious")
            .then(pl.lit("serious"))
            .otherwise(pl.lit("")),
            "start_date",
            "study_day",
            "outcome",
            pl.col("beyond").fill_null(0),
            pl.col("support").fill_null("no limits are defined for this group"),
        )
        .rename({"literal": "seriousness"})
    )
    people = cases["subject"].n_unique()
    supported = table.filter(pl.col("beyond") > 0).height
    keys = cases.select("group", "arm").rows()
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    asked_for = dict.fromkeys(thing for group in groups.values() for thing in group.asked_for)
    return Exhibit(
        answer=f"{counted(cases.height, 'case')} of {counted(people, 'participant')}; of "
        f"{number(supported)} a result around the onset is beyond a limit that supports it."
        if cases.height
        else "There is no case of special interest.",
        denominator=counted(cases.height, "case"),
        numbers=(
            Number("Cases", number(cases.height)),
            Number("Participants", number(people)),
            Number("With a supporting result", share(supported, cases.height)),
        ),
        table=table,
        labels=CASE_LABELS,
        footnotes=(
            _limits_in_words(board),
            *(
                (f"Not in the extract, to be asked for: {', '.join(asked_for)}.",)
                if asked_for
                else ()
            ),
            *standard_queries(board),
            *sealed_terms(board),
        ),
        assumptions=board.trial.assumptions("special_interest"),
        lists=tuple(list_of(board, groups[group], arm) for group, arm in places),
        row_lists=tuple(places[key] for key in keys),
    )


CASE_LABELS = {
    "group": "Group",
    "subject": "Participant",
    "site": "Site",
    "arm": "Arm",
    "preferred_term": "Preferred term",
    "grade": "Grade",
    "seriousness": "Seriousness",
    "start_date": "Began",
    "study_day": "Study day",
    "outcome": "Outcome",
    "beyond": "Results beyond a limit",
    "support": "Results around the onset",
}


def _support_by_case(board: Board, terms: list[dict[str, Any]]) -> pl.DataFrame:
    """By `group`, `record_key`: how many results around the onset are `beyond`, all as `support`.

    A case of a group without limits has no row.
    """
    supports = [
        {"group": group.id, "number": number, **support.model_dump()}
        for group in board.trial.special_interest
        for number, support in enumerate(group.supports)
    ]
    if not supports:
        return pl.DataFrame(schema=_SUPPORT)
    measures = {measure.name: measure for measure in board.trial.measures}
    rules = pl.DataFrame(
        [
            {
                "group": rule["group"],
                "number": rule["number"],
                "label": measures[rule["measure"]].label,
                "unit": measures[rule["measure"]].unit,
            }
            for rule in supports
        ],
        schema={"group": pl.String, "number": pl.Int32, "label": pl.String, "unit": pl.String},
    )
    value = pl.col("value").map_elements(lambda value: f"{value:g}", return_dtype=pl.String)
    is_beyond = pl.col("is_beyond").fill_null(value=False)
    words = (
        pl.when(pl.col("value").is_null())
        .then(pl.format("{} not measured", "label"))
        .otherwise(
            pl.format(
                "{} {} {} on day {}{}",
                "label",
                value,
                "unit",
                "day",
                pl.when(is_beyond).then(pl.lit(" (beyond)")).otherwise(pl.lit("")),
            )
        )
    )
    rows = board.ask("special_interest/case_support", terms=terms, supports=supports)
    return (
        rows.join(rules, on=["group", "number"], how="left", maintain_order="left")
        .group_by("group", "record_key", maintain_order=True)
        .agg(
            beyond=is_beyond.sum().cast(pl.Int64),
            support=words.unique(maintain_order=True).str.join("; "),
        )
    )


_SUPPORT = {"group": pl.String, "record_key": pl.String, "beyond": pl.Int64, "support": pl.String}


def _limits_in_words(board: Board) -> str:
    """Which results support a case of each group, and in which days around the onset."""
    measures = {measure.name: measure for measure in board.trial.measures}
    words = []
    for group in board.trial.special_interest:
        limits = []
        for support in group.supports:
            measure = measures[support.measure]
            limit = "at most" if support.at_least is None else "at least"
            value = support.at_most if support.at_least is None else support.at_least
            days = f"{counted(support.days_before, 'day')} before to {support.days_after} after"
            limits.append(f"{measure.label} {limit} {value:g} {unit(measure.unit)}, {days}")
        if limits:
            words.append(f"{group.name}: {'; '.join(limits)}")
    if not words:
        return "The trial definition names no results that support a case."
    return f"Supporting results, in days around the onset. {'. '.join(words)}."


# Criteria of worsening, by name as the question has them: in words, and the dataset that has them.
CRITERIA = {
    "vasopressor": ("Vasopressor started", "CM"),
    "PEEP": ("PEEP raised", "RE"),
    "FiO2": ("FiO2 raised", "RE"),
    "intubation": ("Intubated from high flow or non-invasive ventilation", "PR"),
    "arrhythmia": ("Ventricular arrhythmia", "AE"),
    "arrest or death": ("Cardiac arrest or death", "DM"),
}


@exhibit(
    page="board-special-interest",
    title="Worsening after an instillation",
    population="Instillations that were given to randomized participants",
    needs=("worsening",),
    data=(("EX", "EC"),),
    least_view=View.UNBLINDED,
    filtered=True,
    method=(
        "Descriptive: an arm that was given nothing has no such clock, so nothing is compared. "
        "Worsening after an instillation need not come of it.",
    ),
)
def worsening_near_instillation(board: Board) -> Exhibit:
    """Worsening in the hours after each instillation, by criterion, where it can be told."""
    rules = board.trial.worsening
    assert rules is not None
    bound = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in rules.model_dump(exclude={"not_recorded"}).items()
    }
    rows = board.ask("treatment/worsening", rules=bound)
    if rows.is_empty():
        return Exhibit(missing="No instillation is recorded as given.")
    can_be_told = {name: board.has(dataset) for name, (_, dataset) in CRITERIA.items()}
    table = rows.select(
        pl.col("criterion").replace_strict({name: words for name, (words, _) in CRITERIA.items()}),
        "arm",
        "doses",
        *(
            pl.when(pl.col("criterion").replace_strict(can_be_told)).then(pl.col(name))
            .otherwise(pl.lit(0 if name == "evaluable" else None)).alias(name)
            for name in ("evaluable", "with_worsening", "by_day_only", "participants")
        ),
    )  # fmt: skip
    lists = tuple(
        People(
            f"{CRITERIA[row['criterion']][0]} after an instillation, {row['arm']}",
            "treatment/who_worsened",
            (("rules", bound), ("arm", row["arm"]), ("criterion", row["criterion"])),
        )
        for row in rows.iter_rows(named=True)
    )
    happened = int(table["with_worsening"].sum())
    given = int(rows.filter(pl.col("criterion") == "vasopressor")["doses"].sum())
    untold = [
        words
        for words, told in zip(table["criterion"], table["evaluable"], strict=True)
        if not told
    ]
    unclear = list(dict.fromkeys(word for word in untold))
    return Exhibit(
        answer=(
            f"After {counted(given, 'instillation')} worsening is recorded "
            f"{counted(happened, 'time')}, by whatever criterion."
            + (f" Cannot be told: {', '.join(unclear)}." if unclear else "")
        ),
        denominator=counted(given, "instillation"),
        table=table,
        labels={
            "criterion": "Criterion",
            "arm": "Arm",
            "doses": "Instillations",
            "evaluable": "Where it can be told",
            "with_worsening": "With worsening",
            "by_day_only": "Of these by the day only",
            "participants": "Participants",
        },
        footnotes=(
            f"Within {rules.hours} hours of the beginning of an instillation, arrest and death "
            f"within {rules.arrest_hours}, where both times are recorded. Where one of them is a "
            "day only, the day of the instillation and the next count: more than the hours.",
            f"PEEP raised by {rules.peep_increase:g} cmH2O and more, FiO2 by "
            f"{100 * rules.fio2_increase:g} points and more: the highest value in the hours after, "
            "less the last one in the day before; it cannot be told where one of them is missing. "
            "A vasopressor counts with any start, whatever the dose.",
            *(
                (f"Not in the extract: {', '.join(rules.not_recorded)}.",)
                if rules.not_recorded
                else ()
            ),
        ),
        assumptions=board.trial.assumptions("worsening"),
        lists=lists,
        row_lists=tuple(
            place if some else None for place, some in enumerate(table["participants"])
        ),
    )


# Spans of time since the last instillation: what is known to the hour, then what only to the day.
SPANS = (
    ("within_6_hours", "Within 6 hours"),
    ("within_24_hours", "Over 6 to 24 hours"),
    ("same_or_next_day", "Same or next day, hour not known"),
    ("within_7_days", "Up to 7 days"),
    ("later", "Later"),
)


@exhibit(
    page="board-special-interest",
    title="Onset since the last instillation",
    population="Events of special interest after an instillation, of randomized participants",
    needs=("special_interest",),
    data=("AE", ("EX", "EC")),
    least_view=View.UNBLINDED,
    filtered=True,
    method=(
        "From the beginning of the last instillation at or before the onset. Where only days "
        "are known, an event on the day of an instillation counts as after it.",
        "Descriptive: an arm that was given nothing has no such clock, so nothing is compared.",
        GROUPS,
    ),
)
def hours_from_instillation(board: Board) -> Exhibit:
    """How long after the last instillation events of special interest began."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    groups = groups_by_id(board)
    names = {key: group.name for key, group in groups.items()}
    terms = bound_terms(board.trial.special_interest)
    onsets = board.ask("treatment/onset_since_dose", terms=terms)
    if onsets.is_empty():
        missing = "No event of special interest with a date of onset came after an instillation."
        return Exhibit(missing=missing)
    hours, days = pl.col("hours"), pl.col("days")
    span = (
        pl.when(hours <= 6).then(pl.lit("within_6_hours"))
        .when(hours <= 24).then(pl.lit("within_24_hours"))
        .when(hours.is_null() & (days <= 1)).then(pl.lit("same_or_next_day"))
        .when(pl.coalesce(hours / 24, days) <= 7).then(pl.lit("within_7_days"))
        .otherwise(pl.lit("later"))
    )  # fmt: skip
    placed = onsets.with_columns(span=span)
    table = placed.group_by("group", "arm", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("events"),
        *((pl.col("span") == name).sum().cast(pl.Int64).alias(name) for name, _ in SPANS),
        pl.coalesce(hours / 24, days).median().alias("median_days"),
    )
    early = table.select("within_6_hours", "within_24_hours", "same_or_next_day").sum_horizontal()

    def draw() -> go.Figure:
        drawn = figure(
            x_title="Days since the last instillation", y_title="", height=170 + 60 * len(groups)
        )
        for known, words, symbol in (
            (True, "Hour known", "circle"),
            (False, "Day only", "circle-open"),
        ):
            rows = placed.filter(hours.is_not_null() if known else hours.is_null())
            drawn.add_trace(
                go.Scatter(
                    x=rows.select(pl.coalesce(hours / 24, days)).to_series().to_list(),
                    y=[in_lines(names[group]) for group in rows["group"]],
                    mode="markers",
                    name=words,
                    marker={"color": ACCENT, "symbol": symbol, "size": 11, "opacity": 0.7},
                    hovertemplate="%{y}: %{x:.2g} days after an instillation<extra></extra>",
                )
            )
        drawn.update_yaxes(
            type="category",
            categoryorder="array",
            categoryarray=[in_lines(name) for name in reversed(names.values())],
            range=[-0.5, len(groups) - 0.5],
            rangemode="normal",
        )
        return drawn

    return Exhibit(
        answer=f"{share(int(early.sum()), onsets.height)} events began within 24 hours of an "
        "instillation, or on its day or the next.",
        denominator=counted(onsets.height, "event"),
        picture=draw,
        description="A row for each group, a dot for each event at the days since the last "
        "instillation before it; filled where the hour is known.",
        table=table.with_columns(pl.col("group").replace_strict(names)),
        labels={
            "group": "Group",
            "arm": "Arm",
            "events": "Events",
            "median_days": "Days, median",
        }
        | dict(SPANS),
        assumptions=board.trial.assumptions("special_interest"),
        lists=tuple(
            list_of(board, groups[key], arm) for key, arm in table.select("group", "arm").rows()
        ),
        row_lists=tuple(range(table.height)),
    )

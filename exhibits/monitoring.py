"""Has a rule that was agreed on beforehand been met?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from access.view import View
from estimators.means import welch
from estimators.proportions import fisher_exact
from estimators.sequential import (
    FARTHEST,
    boundaries,
    conditional_power,
    nominal_p,
    spent,
    t_critical,
    t_nominal_p,
    z_of,
)
from estimators.stopping import (
    ComparativeRule,
    StoppingRule,
    comparative_operating_characteristics,
    comparative_stopping_counts,
    operating_characteristics,
    probability_above,
    probability_greater,
    stopping_counts,
)
from exhibits.conduct import planned_visits
from exhibits.exhibit import EXHIBITS, Conclusion, Exhibit, Number, People, exhibit, make
from exhibits.parts.comparison import contrast
from exhibits.parts.populations import PAST
from exhibits.parts.theme import QUIET, arm_style, figure, in_lines, safe
from exhibits.parts.words import counted, day, decimal, percent, share, signed
from exhibits.special_interest.groups import sealed_terms
from queries import Board, Filters
from queries.bound import planned_days
from trials import definition

POPULATION = "Randomized participants, as randomized; filters do not apply"
TREATED = "Participants to whom the treatment was given, as treated first; filters do not apply"
NOT_ON_REAL_DATA = (
    "No rule of this kind is pre-specified: the trial definition has demonstration rules only, and "
    "they are for simulated participants."
)
NO_ALPHA = (
    "A review of safety spends no error of the efficacy test, and no p-value of safety is held "
    "against it."
)
SEALED = (
    "Events under terms that would tell the treatment are sealed, and are not among what is "
    "counted here: unblinded there can be more."
)
METHODS = {
    "O'Brien-Fleming": "O'Brien & Fleming (1979)",
    "Pocock": "Pocock (1977)",
    "Lan-DeMets O'Brien-Fleming": "Lan & DeMets (1983), spending as O'Brien & Fleming",
    "Lan-DeMets Pocock": "Lan & DeMets (1983), spending as Pocock",
    "Haybittle-Peto": "Haybittle (1971) and Peto: 3 standard errors before the last look",
}


def _may_run(board: Board, rules: Sequence[Any]) -> list[Any]:
    """The rules that are to be looked at here: demonstration ones on simulated data only."""
    simulated = board.snapshot.manifest.simulated
    return [rule for rule in rules if rule.status == "protocol" or simulated]


def _nothing(board: Board, rules: Sequence[Any]) -> Exhibit | None:
    if not _may_run(board, rules):
        return Exhibit(missing=NOT_ON_REAL_DATA)
    return None


def _everybody(board: Board) -> dict[str, Any]:
    """A rule is about everybody, whatever is chosen on other pages."""
    return Filters().bound(board.trial)


def _watermark(rules: Sequence[Any]) -> tuple[str, ...]:
    if all(rule.status == "protocol" for rule in rules):
        return ()
    return ("DEMONSTRATION RULE: made up to show this page on simulated participants.",)


def _name(rule: Any) -> str:
    """A rule as it is called in a sentence."""
    return str(rule.id).replace("-", " ").replace("_", " ")


def _as_sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"


def _demonstration(rules: Sequence[Any]) -> str:
    """In every sentence: who reads it without footnotes must know that nobody agreed on this."""
    made_up = sum(rule.status != "protocol" for rule in rules)
    if not made_up:
        return ""
    some = "" if made_up == len(rules) else f"{made_up} of {len(rules)}: "
    return f" ({some}demonstration, not of the protocol)"


def _since(
    row: dict[str, Any], rows: Sequence[dict[str, Any]], column: str, met: str | bool
) -> str:
    """Of a rule that is met now: from which review on, or that it was not at the last one."""
    before = [
        item
        for item in rows
        if (item["rule"], item["arm"]) == (row["rule"], row["arm"]) and item["look"] < row["look"]
    ]
    if not before:
        return "no earlier review is stored"
    first = before[-1]
    for item in reversed(before):
        if item[column] != met:
            break
        first = item
    was = "already met" if first[column] == met else "not met"
    counts = f" ({first['with_event']} of {first['n']})" if "with_event" in first else ""
    return f"{was} at the review of {day(first['look'])}{counts}"


def looks(board: Board) -> Iterator[tuple[date, Board]]:
    """The reviews that were held, as each was: by its cut-off the last snapshot, then this one."""
    earlier = {snapshot.manifest.cutoff: snapshot for snapshot in reversed(board.earlier())}
    now = board.snapshot.manifest.cutoff
    for cutoff in board.trial.monitoring.reviews:
        if cutoff < now and cutoff in earlier:
            yield cutoff, board.back_to(earlier[cutoff])
    yield now, board


def _looks_note(board: Board) -> str:
    reviews = board.trial.monitoring.reviews
    now = board.snapshot.manifest.cutoff
    held = [item for item in reviews if item <= now]
    stored = {snapshot.manifest.cutoff for snapshot in board.earlier()} | {now}
    missing = [item for item in held if item not in stored]
    said = f"Reviews planned at data cut-offs {', '.join(map(day, reviews)) or 'not stated'}."
    if missing:
        said += (
            f" No snapshot of {', '.join(map(day, missing))} is stored, so "
            f"{'that review is' if len(missing) == 1 else 'those reviews are'} not shown."
        )
    if now not in reviews:
        said += (
            " The present snapshot is not one of the planned reviews; it is shown as an "
            "additional look."
        )
    return said


@exhibit(
    page="board-monitoring",
    leads=14,
    title="Rules",
    needs=(("stopping_rules", "sequential_rules"),),
    population=POPULATION,
    method=(NO_ALPHA,),
)
def monitoring_rules(board: Board) -> Exhibit:
    """The rules as the protocol states them, and the information so far."""
    trial = board.trial
    rules = [*trial.stopping_rules, *trial.sequential_rules]
    if (nothing := _nothing(board, rules)) is not None:
        return nothing
    rows = [
        {
            "rule": _name(rule),
            "status": rule.status,
            "statement": rule.statement,
            "method": _method(rule),
            "information": _information(board, rule),
        }
        for rule in _may_run(board, rules)
    ]
    shown = _may_run(board, rules)
    return Exhibit(
        answer=f"{counted(len(rows), 'rule')}{_demonstration(shown)}{_standing(board, len(rows))}",
        denominator=f"N = {int(board.ask('arm_balance/allocation')['randomized'].sum()):,}",
        table=pl.DataFrame(rows),
        labels={
            "rule": "Rule",
            "status": "Status",
            "statement": "As it is stated",
            "method": "Method",
            "information": "Information so far",
        },
        footnotes=(
            *_watermark(shown),
            _looks_note(board),
        ),
        assumptions=trial.assumptions("stopping_rules", "sequential_rules", "monitoring"),
    )


# Where each rule stands, a row a look, and what its column says of a rule that is met.
STANDINGS: tuple[tuple[str, str, str | bool], ...] = (
    ("stopping_positions", "position", "met"),
    ("stopping_positions_after_dose", "position", "met"),
    ("sequential_positions", "crossed", True),
)


def _standing(board: Board, rules: int) -> str:
    """How many rules are met at the last look, where that is told at all."""
    there = [item for item in STANDINGS if EXHIBITS[item[0]].is_offered(board)]
    if not there:
        return ". Where they stand is told by arm, in the closed session."
    looked_at: set[str] = set()
    met: set[str] = set()
    for name, column, is_met in there:
        table = make(name, board).table
        if table is None:
            continue
        last = table.drop_nulls(column).group_by("rule", "arm", maintain_order=True).last()
        looked_at |= set(last["rule"])
        met |= set(last.filter(pl.col(column) == is_met)["rule"])
    said = f", {len(met) or 'none'} of them met."
    if len(looked_at) < rules:
        said += f" {rules - len(looked_at)} could not be looked at."
    return said


def _method(rule: Any) -> str:
    if isinstance(rule, definition.SequentialRule):
        sides = "two-sided" if rule.sided == 2 else "one-sided"
        return f"{METHODS[rule.method]}; {sides} error {100 * rule.alpha:g} %"
    prior = f"prior Beta({rule.prior[0]:g}, {rule.prior[1]:g})"
    limit = (
        f"rate over {100 * rule.background_rate:g} %"
        if rule.background_rate is not None
        else f"rate over the control arm's by {100 * (rule.margin or 0):g} points"
    )
    return (
        f"Bayesian (Thall & Simon 1994): {limit} with probability over "
        f"{100 * rule.probability:g} %; {prior}; from {rule.minimum_participants} participants on"
    )


def _information(board: Board, rule: Any) -> str:
    if isinstance(rule, definition.StoppingRule):
        counts = _windows(board, rule, after_dose=False)
        closed, all_ = int(counts["closed"].sum()), int(counts["participants"].sum())
        return f"window of {rule.window_days} days closed: {share(closed, all_)}"
    known = sum(item.known for item in _endpoint(board, rule).values())
    return f"with the endpoint: {share(known, rule.planned)} planned"


# Bayesian rules


def _windows(board: Board, rule: definition.StoppingRule, *, after_dose: bool) -> pl.DataFrame:
    return board.ask("monitoring/windows", **_bound(board, rule, after_dose=after_dose))


def _bound(board: Board, rule: definition.StoppingRule, *, after_dose: bool) -> dict[str, Any]:
    return {
        "group": rule.group,
        "window_days": rule.window_days,
        "after_dose": after_dose,
        "filters": _everybody(board),
    }


@dataclass(frozen=True)
class _Position:
    """Where an arm stands in one rule, with so many participants and events."""

    n: int
    events: int
    stops_from: int  # 0 where no count stops
    probability: float

    @property
    def is_met(self) -> bool:
        return 0 < self.stops_from <= self.events

    @property
    def words(self) -> str:
        return f"{self.events} of {self.n}; {_limit(self.stops_from or None)}"


def _position(
    rule: definition.StoppingRule, n: int, events: int, control: tuple[int, int] | None
) -> _Position:
    if rule.background_rate is not None:
        one = StoppingRule(
            rule.prior, rule.background_rate, rule.probability, rule.minimum_participants
        )
        from_ = int(stopping_counts(one, [n])[0])
        above = float(probability_above(events, n, rule.prior, rule.background_rate))
        return _Position(n, events, from_, above)
    assert rule.margin is not None
    assert control is not None
    both = ComparativeRule(rule.prior, rule.margin, rule.probability, rule.minimum_participants)
    from_ = int(comparative_stopping_counts(both, n, control[0])[control[1]])
    above = float(
        probability_greater(events, n, control[1], control[0], rule.prior, margin=rule.margin)
    )
    return _Position(n, events, from_, above)


def _arms_of_rule(
    board: Board, rule: definition.StoppingRule, counts: pl.DataFrame, *, by_name: bool
) -> list[dict[str, Any]]:
    """The arms that the rule is held against; under letters all, or it would tell which it is."""
    rows = counts.to_dicts()
    if by_name:
        name = next(arm.name for arm in board.trial.arms.list if arm.code == rule.arm)
        return [row for row in rows if row["arm"] == name]
    if rule.margin is not None:
        return [row for row in rows if row["arm"] != board.reference_arm]
    return rows


def _control(board: Board, counts: pl.DataFrame, *, pending: bool) -> tuple[int, int] | None:
    rows = counts.filter(pl.col("arm") == board.reference_arm).to_dicts()
    if not rows:
        return None
    row = rows[0]
    n, events = row["closed"], row["closed_with_event"]
    if pending:
        return n + row["pending"], events + row["pending_with_event"]
    return n, events


def _positions(board: Board, *, after_dose: bool) -> list[dict[str, Any]]:
    """A row for each rule, look and arm."""
    rows = []
    for rule in _may_run(board, board.trial.stopping_rules):
        for cutoff, at in looks(board):
            counts = _windows(at, rule, after_dose=after_dose)
            for row in _arms_of_rule(board, rule, counts, by_name=after_dose):
                n, had = row["closed"], row["closed_with_event"]
                here = _position(rule, n, had, _control(at, counts, pending=False))
                whole, known = n + row["pending"], had + row["pending_with_event"]
                control = _control(at, counts, pending=True)
                best = _position(rule, whole, known, control)
                worst = _position(
                    rule, whole, known + row["pending"] - row["pending_with_event"], control
                )
                rows.append(
                    {
                        "rule": _name(rule),
                        "look": cutoff,
                        "arm": row["arm"],
                        "n": n,
                        "with_event": had,
                        "stops_from": here.stops_from or None,
                        "probability_percent": round(100 * here.probability, 1),
                        "pending": row["pending"],
                        "best_case": best,
                        "worst_case": worst,
                        "position": "met"
                        if here.is_met or best.is_met
                        else "met in the worst case"
                        if worst.is_met
                        else "not met",
                        "left_early": row["left_early"],
                        "undated": row["undated"],
                        "earliest": row["earliest"],
                    }
                )
    return rows


POSITION_LABELS = {
    "rule": "Rule",
    "look": "Data cut-off",
    "arm": "Arm",
    "n": "Window closed",
    "with_event": "With an event in it",
    "stops_from": "Limit",
    "probability_percent": "Probability over the limit, %",
    "pending": "Pending",
    "best_case": "If no further pending one had an event",
    "worst_case": "If every pending one had an event",
    "position": "Position",
    "left_early": "Left before it closed",
    "undated": "Without a date",
    "earliest": "Onset not known to the day",
}


HELD_METHOD = (
    "Limit: the fewest participants with an event at which the rule stops, of so many. A rule is "
    "met where it is by the closed windows, or by all with no further event. An onset not known to "
    "the day counts on its earliest day.",
    "A pending participant can have had an event already, which is not among those of closed "
    "windows. So if no further pending one had an event, there can be more of them all the same.",
)


def _held(board: Board, *, after_dose: bool) -> Exhibit:
    rules = _may_run(board, board.trial.stopping_rules)
    if (nothing := _nothing(board, board.trial.stopping_rules)) is not None:
        return nothing
    rows = _positions(board, after_dose=after_dose)
    now = [row for row in rows if row["look"] == board.snapshot.manifest.cutoff]
    if not now:
        return Exhibit(missing="Nobody is in an arm that a rule is about.")
    from_what = "the first dose" if after_dose else "randomization"
    within = {
        _name(rule): f"within {counted(rule.window_days, 'day')} from {from_what}" for rule in rules
    }
    lists, row_lists = _lists(board, rules, rows, within, after_dose=after_dose)
    return Exhibit(
        answer=(answer := _answer(rules, rows, now, within)),
        denominator=f"N = {sum(row['n'] + row['pending'] for row in now):,}",
        attention=answer if any(row["position"] == "met" for row in now) else "",
        beside="",
        numbers=tuple(
            Number(
                f"{_as_sentence(row['rule'])}, {row['arm']}" if len(rules) > 1 else row["arm"],
                f"{row['with_event']} of {row['n']}",
                f"{within[row['rule']]}; {_limit(row['stops_from'])}; {row['position']}",
                lists[place] if (place := row_lists[rows.index(row)]) is not None else None,
            )
            for row in now
        ),
        picture=lambda: _counts_drawn(board, rules, rows),
        description="Participants with an event against those whose window has closed: the stepped "
        "line is the limit, a mark is an arm at a look, and the bar above it reaches to "
        "where it stood if every pending participant had an event.",
        table=pl.DataFrame(
            [row | {name: row[name].words for name in ("best_case", "worst_case")} for row in rows],
            infer_schema_length=None,
        ),
        labels=POSITION_LABELS,
        footnotes=(
            *_watermark(rules),
            f"Counted are participants whose window, so many days from {from_what} on, has closed, "
            "or who died in it. Pending: the window is open, or was left without an event.",
            *((SEALED,) if sealed_terms(board) else ()),
            _looks_note(board),
            _minutes(board, rules, rows, now, within),
        ),
        assumptions=board.trial.assumptions("stopping_rules", "monitoring", "special_interest"),
        lists=lists,
        row_lists=row_lists,
    )


def _limit(stops_from: int | None) -> str:
    return "no limit yet" if stops_from is None else f"limit {stops_from}"


def _called(rule: definition.StoppingRule) -> str:
    return f"stopping rule for {_name(rule)}"


def _answer(
    rules: Sequence[definition.StoppingRule],
    rows: Sequence[dict[str, Any]],
    now: Sequence[dict[str, Any]],
    within: dict[str, str],
) -> str:
    by_name = {_name(rule): rule for rule in rules}
    met = [row for row in now if row["position"] == "met"]
    if met:
        return " ".join(
            f"{_as_sentence(_called(rule))}{_demonstration([rule])} met: {row['arm']}, "
            f"{_counts_that_meet(row, within[row['rule']])}. "
            f"{_as_sentence(_since(row, rows, 'position', 'met'))}."
            for row in met
            for rule in [by_name[row["rule"]]]
        )
    close = [row for row in now if row["position"] == "met in the worst case"]
    said = f"No stopping rule is met{_demonstration(rules)}."
    if close:
        said += " " + " ".join(
            f"If every pending participant had an event, the {_called(by_name[row['rule']])} "
            f"would be met in {row['arm']} ({row['worst_case'].words})."
            for row in close
        )
    return said


def _counts_that_meet(row: dict[str, Any], within: str) -> str:
    """By the closed windows, or where these are too few by all who are known to have an event."""
    if row["stops_from"] is not None and row["with_event"] >= row["stops_from"]:
        counts = f"{row['with_event']} of {row['n']}"
        return f"{counts} with an event {within}; the limit is {row['stops_from']}"
    best = row["best_case"]
    return (
        f"{best.events} of {best.n}, pending ones among them, with an event {within}; the limit is "
        f"{best.stops_from}"
    )


def _minutes(
    board: Board,
    rules: Sequence[definition.StoppingRule],
    rows: Sequence[dict[str, Any]],
    now: Sequence[dict[str, Any]],
    within: dict[str, str],
) -> str:
    said = " ".join(
        f"{_as_sentence(row['rule'])}, {row['arm']}: {row['with_event']} of {row['n']} with an "
        f"event {within[row['rule']]}, {_limit(row['stops_from'])}, {row['pending']} pending, "
        + (
            f"met, {_since(row, rows, 'position', 'met')}."
            if row["position"] == "met"
            else f"{row['position']}."
        )
        for row in now
    )
    return (
        f"For the minutes: at the data cut-off {day(board.snapshot.manifest.cutoff)} (snapshot "
        f"{board.snapshot.id}) the board held the stopping rules{_demonstration(rules)} against "
        f"the data. {said}"
    )


def _lists(
    board: Board,
    rules: Sequence[definition.StoppingRule],
    rows: Sequence[dict[str, Any]],
    within: dict[str, str],
    *,
    after_dose: bool,
) -> tuple[tuple[People, ...], tuple[int | None, ...]]:
    """Whoever has an event in the window, for the rows of this snapshot; of others none is open."""
    by_name = {_name(rule): rule for rule in rules}
    lists: list[People] = []
    places: list[int | None] = []
    for row in rows:
        some = row["with_event"] or row["best_case"].events
        if row["look"] != board.snapshot.manifest.cutoff or not some:
            places.append(None)
            continue
        rule = by_name[row["rule"]]
        bound = _bound(board, rule, after_dose=after_dose) | {"arm": row["arm"]}
        lists.append(
            People(
                f"{_as_sentence(_called(rule))}: event {within[row['rule']]}, {row['arm']}",
                "people/in_rule_window",
                tuple(bound.items()),
            )
        )
        places.append(len(lists) - 1)
    return tuple(lists), tuple(places)


def _counts_drawn(
    board: Board, rules: Sequence[definition.StoppingRule], rows: Sequence[dict[str, Any]]
) -> go.Figure:
    most = max(10, *(row["n"] + row["pending"] for row in rows))
    traces: list[dict[str, object]] = []
    for rule in rules:
        if rule.background_rate is None:
            continue
        one = StoppingRule(
            rule.prior, rule.background_rate, rule.probability, rule.minimum_participants
        )
        # A long line has no more steps than can be seen.
        at = np.unique(np.linspace(1, most, min(most, 400)).astype(int))
        counts = stopping_counts(one, at)
        traces.append(
            {
                "type": "scatter",
                "x": at.tolist(),
                "y": [int(count) or None for count in counts],
                "mode": "lines",
                "line": {"color": QUIET, "width": 2, "shape": "hv"},
                "name": safe(f"Limit of {_name(rule)}" if len(rules) > 1 else "Limit"),
                "hovertemplate": "%{x} participants: limit %{y}<extra></extra>",
            }
        )
    for position, arm in enumerate(board.arms, start=1):
        of_arm = [row for row in rows if row["arm"] == arm]
        if not of_arm:
            continue
        style = arm_style(position)
        worst = [row["worst_case"].events - row["with_event"] for row in of_arm]
        traces.append(
            {
                "type": "scatter",
                "x": [row["n"] for row in of_arm],
                "y": [row["with_event"] for row in of_arm],
                "mode": "lines+markers",
                "line": {"color": style.color, "dash": style.dash},
                "marker": {"color": style.color, "symbol": style.symbol, "size": 12},
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": worst,
                    "arrayminus": [0] * len(worst),
                    "thickness": 1.5,
                },
                "name": safe(arm),
                "text": [day(row["look"]) for row in of_arm],
                "hovertemplate": "%{text}: %{y} of %{x}<extra></extra>",
            }
        )
    if any(row["pending"] for row in rows):
        # An entry of the legend for the bars, which have none of their own.
        traces.append(
            {
                "type": "scatter",
                "x": [None],
                "y": [None],
                "mode": "markers",
                "marker": {"symbol": "line-ns-open", "size": 16, "color": QUIET},
                "name": in_lines("Up to: if every pending one had an event", 24),
            }
        )
    demonstration = any(rule.status == "demonstration" for rule in rules)
    return figure(
        x_title="Participants whose window has closed",
        y_title="With an event",
        traces=traces,
        layout={"annotations": _stamp()} if demonstration else None,
    )


def _stamp() -> list[dict[str, object]]:
    return [
        {
            # In two lines, so that a telephone has room for it between the axes.
            "text": "DEMONSTRATION<br>RULE",
            "xref": "paper",
            "yref": "paper",
            "x": 0.5,
            "y": 0.5,
            "showarrow": False,
            "opacity": 0.25,
            "font": {"size": 22, "color": QUIET},
        }
    ]


@exhibit(
    page="board-monitoring",
    leads=11,
    title="Safety stopping rules",
    population=POPULATION,
    needs=("stopping_rules",),
    data=("AE",),
    conclusions=(Conclusion("position", ("rule", "arm")),),
    least_view=View.CODED,
    method=(
        *HELD_METHOD,
        "A rule is about one arm. Every arm is held against it, since one arm alone "
        "would be known by that. Unblinded, its own arm is also counted from the first dose.",
    ),
)
def stopping_positions(board: Board) -> Exhibit:
    """Each arm against the counts at which a safety rule stops, at every look so far."""
    return _held(board, after_dose=False)


@exhibit(
    page="board-monitoring",
    leads=12,
    title="Safety stopping rules, from the first dose",
    population=TREATED,
    needs=("stopping_rules",),
    data=("AE",),
    least_view=View.UNBLINDED,
    method=HELD_METHOD,
)
def stopping_positions_after_dose(board: Board) -> Exhibit:
    """The safety rules counted from the first dose, in the arm they are about."""
    return _held(board, after_dose=True)


@exhibit(
    page="board-monitoring",
    needs=("stopping_rules",),
    least_view=View.CODED,
    population=POPULATION,
    title="How often the safety rules stop",
    method=(
        "What it means: of many trials like this one, how many the rule would stop if the rate "
        "were true. At a rate that is acceptable these are false alarms; at one that is too "
        "high, harm that is found.",
        "Exact: the number of participants with an event is followed from look to look. Looks "
        "so far as they were, with the arm that has the fewest; then one for each planned "
        "review, the last with all that are planned.",
    ),
)
def stopping_characteristics(board: Board) -> Exhibit:
    """How often each safety rule would stop at its looks, if a rate were true."""
    if (nothing := _nothing(board, board.trial.stopping_rules)) is not None:
        return nothing
    rules = _may_run(board, board.trial.stopping_rules)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for rule in rules:
        schedule = _schedule_of_looks(board, rule)
        if not schedule:
            notes.append(f"{_as_sentence(_name(rule))}: nobody's window has closed at any look.")
            continue
        try:
            rows += _characteristics(rule, schedule)
        except ValueError as error:
            notes.append(f"{_as_sentence(_name(rule))}: {error}")
    if not rows:
        return Exhibit(missing=" ".join(notes))
    worst = max(rows, key=lambda row: row["true_percent"])
    least = min(
        (row for row in rows if row["rule"] == worst["rule"]), key=lambda row: row["true_percent"]
    )
    return Exhibit(
        answer=f"If {worst['true_percent']:g} % of participants had such an event in truth, the "
        f"stopping rule for {worst['rule']}{_demonstration(rules)} would stop "
        f"{percent(worst['by_now_percent'] / 100)} of such trials by now and "
        f"{percent(worst['stops_percent'] / 100)} by the last look; if {least['true_percent']:g} % "
        f"had, {percent(least['stops_percent'] / 100)}.",
        denominator=f"N = {board.trial.accrual.target:,} planned",
        table=pl.DataFrame(rows, infer_schema_length=None),
        labels={
            "rule": "Rule",
            "true_percent": "If this were the true rate, %",
            "looks": "Participants at the looks",
            "by_now_percent": "Stops by now, %",
            "stops_percent": "Stops by the last look, %",
            "participants": "Participants counted on average",
        },
        footnotes=(
            *_watermark(rules),
            *(
                (
                    "A rule that compares two arms: the true rate is the arm's, and the control "
                    "arm has the lowest of them.",
                )
                if any(rule.margin is not None for rule in rules)
                else ()
            ),
            *notes,
        ),
        assumptions=board.trial.assumptions("stopping_rules", "monitoring", "accrual"),
    )


def _schedule_of_looks(board: Board, rule: definition.StoppingRule) -> list[tuple[int, bool]]:
    """Participants counted in an arm at each look, and whether it was held; growing."""
    held = []
    for _, at in looks(board):
        closed = _windows(at, rule, after_dose=False)["closed"].to_list()
        held.append((min(closed, default=0), True))
    arms = board.trial.arms.list
    everybody = (
        board.trial.accrual.target
        * next(arm.ratio for arm in arms if arm.code == rule.arm)
        // sum(arm.ratio for arm in arms)
    )
    now = board.snapshot.manifest.cutoff
    to_come = [review for review in board.trial.monitoring.reviews if review > now] or [now]
    last = held[-1][0] if held else 0
    planned = [
        (last + round((everybody - last) * (place + 1) / len(to_come)), False)
        for place in range(len(to_come))
    ]
    growing: list[tuple[int, bool]] = []
    for n, is_held in [*held, *planned]:
        if n > (growing[-1][0] if growing else 0):
            growing.append((n, is_held))
    return growing


def _characteristics(
    rule: definition.StoppingRule, schedule: Sequence[tuple[int, bool]]
) -> list[dict[str, Any]]:
    at = [n for n, _ in schedule]
    held = sum(is_held for _, is_held in schedule)
    if rule.background_rate is not None:
        one = StoppingRule(
            rule.prior, rule.background_rate, rule.probability, rule.minimum_participants
        )
        found = operating_characteristics(one, at, rule.true_rates)
    else:
        assert rule.margin is not None
        both = ComparativeRule(rule.prior, rule.margin, rule.probability, rule.minimum_participants)
        pairs = [(rate, min(rule.true_rates)) for rate in rule.true_rates]
        found = comparative_operating_characteristics(both, [(n, n) for n in at], pairs)
    return [
        {
            "rule": _name(rule),
            "true_percent": 100 * rate,
            "looks": ", ".join(map(str, at)),
            "by_now_percent": round(100 * float(found.by_look[place, :held].sum()), 1),
            "stops_percent": round(100 * float(found.stops[place]), 1),
            "participants": round(float(found.participants[place]), 1),
        }
        for place, rate in enumerate(rule.true_rates)
    ]


# Group-sequential rules


@dataclass(frozen=True)
class _Arm:
    """What an arm has of an endpoint: values, or deaths among those past the day and known."""

    values: tuple[float, ...] = ()
    known: int = 0
    events: int = 0


def _endpoint(board: Board, rule: definition.SequentialRule) -> dict[str, _Arm]:
    everybody = _everybody(board)
    if rule.endpoint == "primary":
        assert board.trial.primary is not None
        rows = board.ask(
            "oxygenation/changes",
            days=planned_days(board.trial),
            filters=everybody,
        ).filter((pl.col("planned_day") == board.trial.primary.day) & pl.col("value").is_not_null())
        found = {}
        for arm in board.arms:
            values = tuple(rows.filter(pl.col("arm") == arm)["value"].to_list())
            found[arm] = _Arm(values, len(values))
        return found
    rows = board.ask(
        "survival/vital_status",
        days=[board.trial.survival.day],
        schedule=planned_visits(board.trial.schedule),
        filters=everybody,
    )
    # Before the day is past only deaths can be known: who lives would not count yet.
    by = {(arm, state): past for arm, state, past in rows.select("arm", "state", "past").rows()}
    return {
        arm: _Arm(
            (),
            by.get((arm, "died"), 0) + by.get((arm, "alive"), 0),
            by.get((arm, "died"), 0),
        )
        for arm in board.arms
    }


@exhibit(
    page="board-monitoring",
    leads=13,
    needs=("sequential_rules",),
    conclusions=(Conclusion("crossed", ("rule", "arm")),),
    least_view=View.CODED,
    population=POPULATION,
    title="Group-sequential rules",
    method=(
        "Standardized difference: the difference in units of its standard error, a normal "
        "score z with the p-value of the test. A rule is met where it is on the boundary or "
        "beyond. Rows without participants are the looks to come, with the information that "
        "is then expected.",
        "Conditional power: the probability of crossing at a later planned look, going on as "
        "seen so far, and with the planned effect. A boundary for futility is non-binding; "
        "none is stated.",
        NO_ALPHA,
    ),
)
def sequential_positions(board: Board) -> Exhibit:
    """Results so far against group-sequential boundaries, at every look."""
    trial = board.trial
    if (nothing := _nothing(board, trial.sequential_rules)) is not None:
        return nothing
    if len(board.arms) < 2:
        missing = "There is one arm, and nothing to compare it with."
        return Exhibit(missing=missing)
    rules = [rule for rule in _may_run(board, trial.sequential_rules) if _can(board, rule)]
    if not rules:
        missing = "The extract has nothing that the rules' endpoints are made of."
        return Exhibit(missing=missing)
    rows: list[dict[str, Any]] = []
    for rule in rules:
        for arm in board.arms:
            if arm != board.reference_arm:
                rows += _sequence(board, rule, arm)
    if not rows:
        least = trial.subgroups.minimum_per_arm
        missing = f"At no look had two arms {least} participants with an endpoint."
        return Exhibit(missing=missing)
    held = [row for row in rows if row["n"] is not None]
    # The last look of each: one without more information than the look before is none.
    now = list({(row["rule"], row["arm"]): row for row in held}.values())
    crossed = [row for row in now if row["crossed"]]
    by_name = {_name(rule): rule for rule in rules}
    called = {
        name: f"group-sequential rule for {name}{_demonstration([rule])}"
        for name, rule in by_name.items()
    }
    met = " ".join(
        f"{_as_sentence(called[row['rule']])} met: {_reached(board, row)}. "
        f"{_as_sentence(_since(row, held, 'crossed', met=True))}."
        for row in crossed
    )
    return Exhibit(
        answer=met
        or f"No boundary is crossed{_demonstration(rules)}. "
        + " ".join(f"{_as_sentence(row['rule'])}: {_reached(board, row)}." for row in now),
        denominator="; ".join(f"{row['rule']} n = {row['n']} of {row['planned']}" for row in now),
        attention=met,
        beside="",
        picture=lambda: _boundaries_drawn(board, rules, rows),
        description="The standardized difference at each look against the share of the planned "
        "information, and the boundary of each rule as a line above and below, to the last look "
        "that is planned.",
        table=pl.DataFrame(rows, infer_schema_length=None).select(*SEQUENTIAL_LABELS),
        labels=SEQUENTIAL_LABELS,
        footnotes=(
            *_watermark(rules),
            f"Each arm against {board.reference_arm}. Means by Welch's t statistic, whose boundary "
            "is the t quantile at the boundary's nominal p (Jennison & Turnbull 2000); deaths by "
            "Fisher's exact p-value against that nominal p. Information is the share of planned "
            "participants with the endpoint.",
            *(
                (
                    f"Deaths by day {trial.survival.day}: of those who are past that day, and of "
                    f"whom it is known whether they lived on it, as on Survival. {PAST} Of "
                    "those randomized later deaths would count, but not lives, so they are left "
                    "out.",
                )
                if any(rule.endpoint == "death" for rule in rules)
                else ()
            ),
            *(
                ("Under letters a one-sided rule is held against both directions.",)
                if any(rule.sided == 1 for rule in rules)
                else ()
            ),
            _looks_note(board),
        ),
        assumptions=trial.assumptions("sequential_rules", "monitoring", "primary", "survival"),
    )


SEQUENTIAL_LABELS = {
    "rule": "Rule",
    "arm": "Arm",
    "look": "Data cut-off",
    "n": "With the endpoint",
    "planned": "Planned",
    "fraction_percent": "Information, %",
    "difference": "Difference",
    "z": "Standardized difference (z)",
    "z_boundary": "Boundary, z",
    "score": "t statistic",
    "boundary": "Boundary, t",
    "p": "p",
    "nominal_p": "Boundary, p",
    "crossed": "Crossed",
    "spent_percent": "Error spent, %",
    "power_as_seen": "Conditional power as seen, %",
    "power_as_planned": "Conditional power as planned, %",
}


def _can(board: Board, rule: definition.SequentialRule) -> bool:
    if rule.endpoint == "primary":
        return board.trial.oxygenation is not None and board.has("LB")
    return board.has("DM")


def _reached(board: Board, row: dict[str, Any]) -> str:
    at = f"with {decimal(row['fraction_percent'], 0)} % of the planned information"
    if row["z"] is None:
        return f"{at} the values do not vary, and nothing can be tested"
    return (
        f"{at}, standardized difference {signed(row['z'], 2)} ({contrast(board, row['arm'])}); "
        f"the boundary is ±{decimal(row['z_boundary'], 2)}"
    )


def _sequence(board: Board, rule: definition.SequentialRule, arm: str) -> list[dict[str, Any]]:
    """The looks of one rule and arm; one without more information than the last is none."""
    seen: list[tuple[date, _Arm, _Arm, float]] = []
    least = board.trial.subgroups.minimum_per_arm
    for cutoff, at in looks(board):
        found = _endpoint(at, rule)
        mine, theirs = found[arm], found[board.reference_arm]
        fraction = min((mine.known + theirs.known) / rule.planned, 1.0)
        if min(mine.known, theirs.known) >= least and (not seen or fraction > seen[-1][3]):
            seen.append((cutoff, mine, theirs, fraction))
    if not seen:
        return []
    so_far = [item[3] for item in seen]
    later = _later(board, so_far[-1])
    critical = boundaries([*so_far, *later], rule.method, alpha=rule.alpha, sided=rule.sided)
    spends = rule.method.startswith("Lan-DeMets")
    rows: list[dict[str, Any]] = []
    for place, (cutoff, mine, theirs, fraction) in enumerate(seen):
        bound = float(critical[place])
        nominal = float(nominal_p(bound, rule.sided))
        row: dict[str, Any] = {
            "rule": _name(rule),
            "arm": arm,
            "look": cutoff,
            "n": mine.known + theirs.known,
            "planned": rule.planned,
            "fraction_percent": round(100 * fraction, 1),
        }
        if rule.endpoint == "death":
            p: float | None = float(
                fisher_exact(mine.events, mine.known, theirs.events, theirs.known)
            )
            assert p is not None
            difference = 100 * (mine.events / mine.known - theirs.events / theirs.known)
            row |= {"difference": round(difference, 1), "score": None, "boundary": None}
            crossed = p <= nominal
        else:
            means, p, crossed = _means(mine.values, theirs.values, bound, rule)
            difference = means["difference"]
            row |= means
        z = None if p is None else _signed_score(p, difference, rule.sided)
        row |= {"z": z, "z_boundary": bound, "crossed": crossed}
        row |= {"p": p, "nominal_p": nominal}
        row["spent_percent"] = (
            round(100 * float(spent(fraction, rule.method, rule.alpha, rule.sided)), 2)
            if spends
            else None
        )
        row |= {"power_as_seen": None, "power_as_planned": None}
        if place == len(seen) - 1 and later and row["score"] is not None:
            assert p is not None
            for name, drift in (("power_as_seen", None), ("power_as_planned", rule.effect)):
                if name == "power_as_seen" or drift is not None:
                    power = conditional_power(
                        float(z_of(p, rule.sided)), fraction, later,
                        critical[place + 1 :].tolist(), drift=drift, sided=rule.sided,
                    )  # fmt: skip
                    row[name] = round(100 * power, 1)
        rows.append(row)
    to_come = [item for item in board.trial.monitoring.reviews if item > seen[-1][0]]
    for place, fraction in enumerate(later):
        rows.append(
            dict.fromkeys(rows[0])
            | {
                "rule": _name(rule),
                "arm": arm,
                "look": to_come[place] if place < len(to_come) else None,
                "planned": rule.planned,
                "fraction_percent": round(100 * fraction, 1),
                "z_boundary": float(critical[len(seen) + place]),
            }
        )
    return rows


def _signed_score(p: float, difference: float, sided: int) -> float:
    """The normal score that is as extreme as a p-value, in the direction of the difference."""
    score = min(max(float(z_of(p, sided)), 0.0), FARTHEST)
    return score if difference >= 0 else 0.0 - score


def _means(
    mine: Sequence[float], theirs: Sequence[float], bound: float, rule: definition.SequentialRule
) -> tuple[dict[str, Any], float | None, bool]:
    """The t statistic with its boundary, its p-value, and whether it crosses."""
    found = welch(mine, theirs)
    row: dict[str, Any] = {"difference": round(found.estimate, 1)}
    if found.score is None or found.degrees_of_freedom is None:
        return row | {"score": None, "boundary": None}, None, False
    limit = float(t_critical(bound, found.degrees_of_freedom, rule.sided))
    return (
        row | {"score": round(found.score, 2), "boundary": round(limit, 2)},
        float(t_nominal_p(abs(found.score), found.degrees_of_freedom, rule.sided)),
        abs(found.score) >= limit,
    )


def _later(board: Board, fraction: float) -> list[float]:
    """The information at the looks to come: as many as reviews are planned, the last has all."""
    if fraction >= 1.0:
        return []
    now = board.snapshot.manifest.cutoff
    left = max(1, sum(review > now for review in board.trial.monitoring.reviews))
    return [fraction + (1.0 - fraction) * (place + 1) / left for place in range(left)]


# Rules have no color of their own: their boundaries differ by dash, their marks by being filled.
RULE_STYLES = (("solid", ""), ("dot", "-open"), ("dashdot", "-dot"))


def _boundaries_drawn(
    board: Board,
    rules: Sequence[definition.SequentialRule],
    rows: Sequence[dict[str, Any]],
) -> go.Figure:
    traces: list[dict[str, object]] = []
    for order, name in enumerate(dict.fromkeys(row["rule"] for row in rows)):
        dash, filled = RULE_STYLES[order % len(RULE_STYLES)]
        of_rule = [row for row in rows if row["rule"] == name]
        for arm in dict.fromkeys(row["arm"] for row in of_rule):
            of_arm = [row for row in of_rule if row["arm"] == arm]
            for sign in (1, -1):
                traces.append(
                    {
                        "type": "scatter",
                        "x": [row["fraction_percent"] for row in of_arm],
                        "y": [sign * row["z_boundary"] for row in of_arm],
                        "mode": "lines+markers",
                        "line": {"color": QUIET, "width": 2, "dash": dash},
                        "marker": {"symbol": "line-ew-open", "size": 14, "color": QUIET},
                        "name": safe(f"Boundary of {name}"),
                        "showlegend": sign == 1 and arm == of_rule[0]["arm"],
                        "hovertemplate": "%{x}: boundary %{y:.2f}<extra></extra>",
                    }
                )
            style = arm_style(board.arms.index(arm) + 1)
            seen = [row for row in of_arm if row["z"] is not None]
            traces.append(
                {
                    "type": "scatter",
                    "x": [row["fraction_percent"] for row in seen],
                    "y": [row["z"] for row in seen],
                    "mode": "lines+markers",
                    "line": {"color": style.color, "dash": style.dash},
                    "marker": {
                        "color": style.color,
                        "symbol": f"{style.symbol}{filled}",
                        "size": 12,
                    },
                    "name": safe(f"{_as_sentence(name)}, {arm}"),
                    "text": [day(row["look"]) for row in seen],
                    "hovertemplate": "%{text}: standardized difference %{y:.2f}<extra></extra>",
                }
            )
    demonstration = any(rule.status == "demonstration" for rule in rules)
    return figure(
        x_title="Share of planned information",
        y_title="Standardized difference (z)",
        height=480,  # on a telephone the legend takes a line for each entry
        traces=traces,
        layout={
            "xaxis": {"range": [0, 105], "ticksuffix": " %"},
            "yaxis": {"rangemode": "normal"},
            **({"annotations": _stamp()} if demonstration else {}),
        },
    )

"""Has a safety rule been met? Counts of each arm against those at which the rule stops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

import trials
from access.view import View
from estimators.stopping import (
    ComparativeRule,
    StoppingRule,
    comparative_stopping_counts,
    probability_above,
    probability_greater,
    stopping_counts,
)
from exhibits.exhibit import Conclusion, Exhibit, Number, People, exhibit
from exhibits.monitoring.looks import (
    NOT_ON_REAL_DATA,
    POPULATION,
    as_sentence,
    demonstration,
    everybody,
    line_of_arm,
    looks,
    looks_note,
    may_run,
    name_of,
    since,
    stamp,
    watermark,
)
from exhibits.parts.comparison import has_enough, too_few_note
from exhibits.parts.events import sealed_terms
from exhibits.parts.theme import QUIET, error_bars, figure, in_lines, safe
from exhibits.parts.words import counted, day, rounded
from queries import Board


def windows(board: Board, rule: trials.StoppingRule, *, after_dose: bool) -> pl.DataFrame:
    """Of each arm the participants whose window is closed, open or left; with an event in it."""
    return board.ask("monitoring/windows", **_bound(board, rule, after_dose=after_dose))


def _bound(board: Board, rule: trials.StoppingRule, *, after_dose: bool) -> dict[str, Any]:
    return {
        "group": rule.group,
        "window_days": rule.window_days,
        "after_dose": after_dose,
        "filters": everybody(board),
    }


@dataclass(frozen=True)
class _Position:
    """Where an arm stands in one rule, with so many participants and events."""

    n: int
    events: int
    stops_from: int | None  # None where no count stops

    @property
    def is_met(self) -> bool:
        return self.stops_from is not None and self.events >= self.stops_from

    @property
    def words(self) -> str:
        return f"{self.events} of {self.n}; {_limit(self.stops_from)}"


def bayesian(rule: trials.StoppingRule) -> StoppingRule | ComparativeRule:
    """A rule of the trial definition as the estimators take it."""
    if rule.background_rate is not None:
        return StoppingRule(
            rule.prior, rule.background_rate, rule.probability, rule.minimum_participants
        )
    assert rule.margin is not None
    return ComparativeRule(rule.prior, rule.margin, rule.probability, rule.minimum_participants)


def _position(
    rule: trials.StoppingRule, n: int, events: int, control: tuple[int, int]
) -> _Position:
    held = bayesian(rule)
    stops_from = (
        stopping_counts(held, [n])[0]
        if isinstance(held, StoppingRule)
        else comparative_stopping_counts(held, n, control[0])[control[1]]
    )
    return _Position(n, events, int(stops_from) or None)


def _probability(
    board: Board, rule: trials.StoppingRule, n: int, events: int, control: tuple[int, int]
) -> float | None:
    """How probable a rate over the limit is, in percent; None of fewer than the minimum."""
    if not has_enough(board, n) or (rule.margin is not None and not has_enough(board, control[0])):
        return None
    above = (
        probability_above(events, n, rule.prior, rule.background_rate)
        if rule.background_rate is not None
        else probability_greater(
            events, n, control[1], control[0], rule.prior, margin=rule.margin or 0.0
        )
    )
    return rounded(100 * float(above), 1)


def _arms_of_rule(
    board: Board, rule: trials.StoppingRule, counts: pl.DataFrame, *, by_name: bool
) -> list[dict[str, Any]]:
    """The arms that the rule is held against; under letters all, or it would tell which it is."""
    rows = counts.to_dicts()
    if by_name:
        name = next(arm.name for arm in board.trial.arms.list if arm.code == rule.arm)
        return [row for row in rows if row["arm"] == name]
    if rule.margin is not None:
        return [row for row in rows if row["arm"] != board.reference_arm]
    return rows


def _control(board: Board, counts: pl.DataFrame, *, pending: bool) -> tuple[int, int]:
    """How many of the reference arm count, and how many of them have an event."""
    row = counts.row(by_predicate=pl.col("arm") == board.reference_arm, named=True)
    return (
        row["closed"] + (row["pending"] if pending else 0),
        row["closed_with_event"] + (row["pending_with_event"] if pending else 0),
    )


def _positions(board: Board, *, after_dose: bool) -> list[dict[str, Any]]:
    """A row for each rule, look and arm, and in it what its rule is called and bound to."""
    rows = []
    from_what = "the first dose" if after_dose else "randomization"
    for rule in may_run(board, board.trial.stopping_rules):
        of_rule = {
            "rule": name_of(rule),
            "called": f"stopping rule for {name_of(rule)}",
            "made_up": demonstration([rule]),
            "within": f"within {counted(rule.window_days, 'day')} from {from_what}",
            "bound": _bound(board, rule, after_dose=after_dose),
        }
        for cutoff, at in looks(board):
            counts = windows(at, rule, after_dose=after_dose)
            for row in _arms_of_rule(board, rule, counts, by_name=after_dose):
                n, had = row["closed"], row["closed_with_event"]
                control = _control(at, counts, pending=False)
                here = _position(rule, n, had, control)
                everyone, known = n + row["pending"], had + row["pending_with_event"]
                with_pending = _control(at, counts, pending=True)
                best = _position(rule, everyone, known, with_pending)
                worst = _position(rule, everyone, had + row["pending"], with_pending)
                rows.append(
                    of_rule
                    | {
                        "look": cutoff,
                        "arm": row["arm"],
                        "n": n,
                        "with_event": had,
                        "stops_from": here.stops_from,
                        "probability_percent": _probability(board, rule, n, had, control),
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


TREATED = "Participants to whom the treatment was given, as treated first; filters do not apply"
SEALED = (
    "Events under terms that would tell the treatment are sealed, and are not among what is "
    "counted here: unblinded there can be more."
)
# What a row has for sentences and lists, and no table.
OF_RULE = ("called", "made_up", "within", "bound")
POSITION_LABELS = {
    "look": "Data cut-off",
    "n": "Window closed",
    "with_event": "With an event in it",
    "stops_from": "Limit",
    "probability_percent": "Probability over the limit, %",
    "best_case": "If no further pending one had an event",
    "worst_case": "If every pending one had an event",
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
    rules = may_run(board, board.trial.stopping_rules)
    if not rules:
        return Exhibit(missing=NOT_ON_REAL_DATA)
    rows = _positions(board, after_dose=after_dose)
    now = [row for row in rows if row["look"] == board.snapshot.manifest.cutoff]
    if not now:
        return Exhibit(missing="Nobody is in an arm that a rule is about.")
    answer = _answer(rules, rows, now)
    # Of earlier reviews no list of participants is open.
    with_list = [row for row in now if row["best_case"].events]
    return Exhibit(
        answer=answer,
        denominator=f"N = {sum(row['n'] + row['pending'] for row in now):,}",
        attention=answer if any(row["position"] == "met" for row in now) else "",
        beside="",
        numbers=tuple(
            Number(
                f"{as_sentence(row['rule'])}, {row['arm']}" if len(rules) > 1 else row["arm"],
                f"{row['with_event']} of {row['n']}",
                f"{row['within']}; {_limit(row['stops_from'])}; {row['position']}",
                _list_of(row) if row in with_list else None,
            )
            for row in now
        ),
        picture=lambda: _counts_drawn(board, rules, rows),
        description="Participants with an event against those whose window has closed: the stepped "
        "line is the limit, a mark is an arm at a look, and the bar above it reaches to "
        "where it stood if every pending participant had an event.",
        table=pl.DataFrame(
            [
                {name: value for name, value in row.items() if name not in OF_RULE}
                | {name: row[name].words for name in ("best_case", "worst_case")}
                for row in rows
            ],
            infer_schema_length=None,
        ),
        labels=POSITION_LABELS,
        footnotes=(
            *watermark(rules),
            "Counted are participants whose window, so many days from "
            f"{'the first dose' if after_dose else 'randomization'} on, has closed, "
            "or who died in it. Pending: the window is open, or was left without an event.",
            *((SEALED,) if sealed_terms(board) else ()),
            looks_note(board),
            *too_few_note(board, [row["n"] for row in rows]),
            _minutes(board, rules, rows, now),
        ),
        assumptions=board.trial.assumptions("stopping_rules", "monitoring", "special_interest"),
        lists=tuple(map(_list_of, with_list)),
        row_lists=tuple(with_list.index(row) if row in with_list else None for row in rows),
    )


def _list_of(row: dict[str, Any]) -> People:
    """Whoever has an event in the window, of a row."""
    return People(
        f"{as_sentence(row['called'])}: event {row['within']}, {row['arm']}",
        "people/in_rule_window",
        tuple((row["bound"] | {"arm": row["arm"]}).items()),
    )


def _limit(stops_from: int | None) -> str:
    return "no limit yet" if stops_from is None else f"limit {stops_from}"


def _answer(
    rules: Sequence[trials.StoppingRule],
    rows: Sequence[dict[str, Any]],
    now: Sequence[dict[str, Any]],
) -> str:
    met = [
        f"{as_sentence(row['called'])}{row['made_up']} met: {row['arm']}, "
        f"{_counts_that_meet(row)}. "
        f"{as_sentence(since(row, rows, 'position', 'met'))}."
        for row in now
        if row["position"] == "met"
    ]
    close = [
        f"If every pending participant had an event, the {row['called']} would be met in "
        f"{row['arm']} ({row['worst_case'].words})."
        for row in now
        if row["position"] == "met in the worst case"
    ]
    return " ".join(met or [f"No stopping rule is met{demonstration(rules)}.", *close])


def _counts_that_meet(row: dict[str, Any]) -> str:
    """By the closed windows, or where these are too few by all who are known to have an event."""
    closed, best = _Position(row["n"], row["with_event"], row["stops_from"]), row["best_case"]
    by = closed if closed.is_met else best
    pending = "" if closed.is_met else ", pending ones among them,"
    return (
        f"{by.events} of {by.n}{pending} with an event {row['within']}; the limit is "
        f"{by.stops_from}"
    )


def _minutes(
    board: Board,
    rules: Sequence[trials.StoppingRule],
    rows: Sequence[dict[str, Any]],
    now: Sequence[dict[str, Any]],
) -> str:
    positions = " ".join(
        f"{as_sentence(row['rule'])}, {row['arm']}: {row['with_event']} of {row['n']} with an "
        f"event {row['within']}, {_limit(row['stops_from'])}, {row['pending']} pending, "
        + row["position"]
        + (f", {since(row, rows, 'position', 'met')}." if row["position"] == "met" else ".")
        for row in now
    )
    return (
        f"For the minutes: at the data cut-off {day(board.snapshot.manifest.cutoff)} (snapshot "
        f"{board.snapshot.id}) the board held the stopping rules{demonstration(rules)} against "
        f"the data. {positions}"
    )


def _counts_drawn(
    board: Board, rules: Sequence[trials.StoppingRule], rows: Sequence[dict[str, Any]]
) -> "go.Figure":
    most = max(10, *(row["n"] + row["pending"] for row in rows))
    traces: list[dict[str, object]] = []
    for rule in rules:
        held = bayesian(rule)
        if not isinstance(held, StoppingRule):
            continue
        # A long line has no more steps than can be seen.
        at = np.unique(np.linspace(1, most, min(most, 400)).astype(int))
        counts = stopping_counts(held, at)
        traces.append(
            {
                "x": at.tolist(),
                "y": [int(count) or None for count in counts],
                "mode": "lines",
                "line": {"color": QUIET, "width": 2, "shape": "hv"},
                "name": safe(f"Limit of {name_of(rule)}" if len(rules) > 1 else "Limit"),
                "hovertemplate": "%{x} participants: limit %{y}<extra></extra>",
            }
        )
    for arm in dict.fromkeys(row["arm"] for row in rows):
        of_arm = [row for row in rows if row["arm"] == arm]
        had = [row["with_event"] for row in of_arm]
        traces.append(
            line_of_arm(
                board,
                arm,
                of_arm,
                "n",
                "with_event",
                error_y=error_bars(had, had, [row["worst_case"].events for row in of_arm]),
                hovertemplate="%{text}: %{y} of %{x}<extra></extra>",
            )
        )
    if any(row["pending"] for row in rows):
        # An entry of the legend for the bars, which have none of their own.
        traces.append(
            {
                "x": [None],
                "y": [None],
                "mode": "markers",
                "marker": {"symbol": "line-ns-open", "size": 16, "color": QUIET},
                "name": in_lines("Up to: if every pending one had an event", 24),
            }
        )
    return figure(
        x_title="Participants whose window has closed",
        y_title="With an event",
        traces=traces,
        layout={"annotations": stamp(rules)},
    )


@exhibit(
    page="board-monitoring",
    leads=11,
    title="Safety stopping rules",
    population=POPULATION,
    needs=("stopping_rules",),
    data=("AE.AESTDTC",),
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
    data=("AE.AESTDTC",),
    least_view=View.UNBLINDED,
    method=HELD_METHOD,
)
def stopping_positions_after_dose(board: Board) -> Exhibit:
    """The safety rules counted from the first dose, in the arm they are about."""
    return _held(board, after_dose=True)

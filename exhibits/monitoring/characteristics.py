"""How often the safety rules would stop, if a rate were true."""

from collections.abc import Sequence
from typing import Any

import polars as pl

import trials
from access.view import View
from estimators.stopping import (
    StoppingRule,
    comparative_operating_characteristics,
    operating_characteristics,
)
from exhibits.exhibit import Exhibit, exhibit
from exhibits.monitoring.looks import (
    NOT_ON_REAL_DATA,
    POPULATION,
    as_sentence,
    demonstration,
    looks,
    may_run,
    name_of,
    watermark,
)
from exhibits.monitoring.stopping import bayesian, windows
from exhibits.parts.words import percent, rounded
from queries import Board


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
    rules = may_run(board, board.trial.stopping_rules)
    if not rules:
        return Exhibit(missing=NOT_ON_REAL_DATA)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for rule in rules:
        schedule = _schedule_of_looks(board, rule)
        if not schedule:
            notes.append(f"{as_sentence(name_of(rule))}: nobody's window has closed at any look.")
            continue
        try:
            rows += _characteristics(rule, schedule)
        except ValueError as error:
            notes.append(f"{as_sentence(name_of(rule))}: {error}")
    if not rows:
        return Exhibit(missing=" ".join(notes))
    worst = max(rows, key=lambda row: row["true_percent"])
    least = min(
        (row for row in rows if row["rule"] == worst["rule"]), key=lambda row: row["true_percent"]
    )
    return Exhibit(
        answer=f"If {worst['true_percent']:g} % of participants had such an event in truth, the "
        f"stopping rule for {worst['rule']}{demonstration(rules)} would stop "
        f"{percent(worst['by_now_percent'] / 100)} of such trials by now and "
        f"{percent(worst['stops_percent'] / 100)} by the last look; if {least['true_percent']:g} % "
        f"had, {percent(least['stops_percent'] / 100)}.",
        denominator=f"N = {board.trial.accrual.target:,} planned",
        table=pl.DataFrame(rows, infer_schema_length=None),
        labels={
            "true_percent": "If this were the true rate, %",
            "looks": "Participants at the looks",
            "by_now_percent": "Stops by now, %",
            "stops_percent": "Stops by the last look, %",
            "participants": "Participants counted on average",
        },
        footnotes=(
            *watermark(rules),
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


def _schedule_of_looks(board: Board, rule: trials.StoppingRule) -> list[tuple[int, bool]]:
    """Participants counted in an arm at each look, and whether it was held; growing."""
    held = []
    for _, at in looks(board):
        closed = windows(at, rule, after_dose=False)["closed"].to_list()
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
    rule: trials.StoppingRule, schedule: Sequence[tuple[int, bool]]
) -> list[dict[str, Any]]:
    at = [n for n, _ in schedule]
    held = sum(is_held for _, is_held in schedule)
    estimated = bayesian(rule)
    if isinstance(estimated, StoppingRule):
        stops = operating_characteristics(estimated, at, rule.true_rates)
    else:
        pairs = [(rate, min(rule.true_rates)) for rate in rule.true_rates]
        stops = comparative_operating_characteristics(estimated, [(n, n) for n in at], pairs)
    return [
        {
            "rule": name_of(rule),
            "true_percent": 100 * rate,
            "looks": ", ".join(map(str, at)),
            "by_now_percent": rounded(100 * float(stops.by_look[place, :held].sum()), 1),
            "stops_percent": rounded(100 * float(stops.stops[place]), 1),
            "participants": rounded(float(stops.participants[place]), 1),
        }
        for place, rate in enumerate(rule.true_rates)
    ]

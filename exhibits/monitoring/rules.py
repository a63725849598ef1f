"""The rules as the protocol states them."""

from typing import Any

import polars as pl

import trials
from exhibits.exhibit import EXHIBITS, Exhibit, exhibit, make
from exhibits.monitoring.endpoints import not_recorded, with_endpoint
from exhibits.monitoring.looks import (
    NO_ALPHA,
    NOT_ON_REAL_DATA,
    POPULATION,
    demonstration,
    looks_note,
    may_run,
    name_of,
    watermark,
)
from exhibits.monitoring.stopping import windows
from exhibits.parts.populations import all_randomized
from exhibits.parts.words import counted, share
from queries import Board

METHODS = {
    "O'Brien-Fleming": "O'Brien & Fleming (1979)",
    "Pocock": "Pocock (1977)",
    "Lan-DeMets O'Brien-Fleming": "Lan & DeMets (1983), spending as O'Brien & Fleming",
    "Lan-DeMets Pocock": "Lan & DeMets (1983), spending as Pocock",
    "Haybittle-Peto": "Haybittle (1971) and Peto: 3 standard errors before the last look",
    "Hwang-Shih-DeCani": "Hwang, Shih & DeCani (1990), spending with parameter {parameter:g}",
}


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
    rules = may_run(board, [*trial.stopping_rules, *trial.sequential_rules])
    if not rules:
        return Exhibit(missing=NOT_ON_REAL_DATA)
    rows = [
        {
            "rule": name_of(rule),
            "status": rule.status,
            "statement": rule.statement,
            "method": _method(rule),
            "information": _information(board, rule),
        }
        for rule in rules
    ]
    return Exhibit(
        answer=f"{counted(len(rows), 'rule')}{demonstration(rules)}{_standing(board, len(rows))}",
        denominator=f"N = {all_randomized(board):,}",
        table=pl.DataFrame(rows),
        labels={"statement": "As it is stated", "information": "Information so far"},
        footnotes=(*watermark(rules), looks_note(board)),
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
        now = table.filter(pl.col("look") == board.snapshot.manifest.cutoff).drop_nulls(column)
        looked_at |= set(now["rule"])
        met |= set(now.filter(pl.col(column) == is_met)["rule"])
    standing = f", {len(met) or 'none'} of them met."
    if len(looked_at) < rules:
        standing += f" {rules - len(looked_at)} could not be looked at."
    return standing


def _method(rule: Any) -> str:
    if isinstance(rule, trials.SequentialRule):
        sides = "two-sided" if rule.sided == 2 else "one-sided"
        spends = METHODS[rule.method].format(parameter=rule.parameter)
        return f"{spends}; {sides} error {100 * rule.alpha:g} %"
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
    if isinstance(rule, trials.StoppingRule):
        counts = windows(board, rule, after_dose=False)
        closed, all_ = int(counts["closed"].sum()), int(counts["participants"].sum())
        return f"window of {rule.window_days} days closed: {share(closed, all_)}"
    if not_recorded(board, rule):
        return "with the endpoint: not recorded"
    return f"with the endpoint: {share(with_endpoint(board, rule), rule.planned)} planned"

"""Has a group-sequential boundary been crossed?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any

import plotly.graph_objects as go
import polars as pl

import trials
from access.view import View
from estimators.sequential import FARTHEST, conditional_power, nominal_p, predictive_power
from estimators.spending import NEW_INFORMATION, Bound, Look, Spending, futility, monitor
from exhibits.exhibit import Conclusion, Exhibit, exhibit
from exhibits.monitoring.endpoints import (
    MEASURES,
    MORE,
    Held,
    Pending,
    deaths_p,
    held,
    is_good,
    not_recorded,
    reach,
    would_cross,
)
from exhibits.monitoring.looks import (
    NO_ALPHA,
    NOT_ON_REAL_DATA,
    POPULATION,
    as_sentence,
    demonstration,
    looks,
    looks_note,
    may_run,
    name_of,
    not_stored,
    since,
    stamp,
    watermark,
)
from exhibits.parts.populations import PAST, earliest_deaths
from exhibits.parts.theme import QUIET, arm_style, figure, safe
from exhibits.parts.words import day, decimal, number, p_value, rounded
from queries import Board

# The columns of a row, in their order, and what they are called. Those of `OPTIONAL` stand in the
# table where any row has one.
SEQUENTIAL_LABELS = {
    "rule": "Rule",
    "arm": "Arm",
    "against": "Compared with",
    "look": "Data cut-off",
    "n": "With the endpoint",
    "planned": "Planned",
    "fraction_percent": "Information, %",
    "measure": "Estimate is",
    "estimate": "Arm less the other",
    "estimate_low": "Repeated confidence interval, low",
    "estimate_high": "Repeated confidence interval, high",
    "more": "Arm with more",
    "better": "Arm that does better",
    "z": "Standardized difference, |z|",
    "z_boundary": "Boundary, |z|",
    "p": "p",
    "nominal_p": "Boundary, p",
    "crossed": "Crossed",
    "is_counted": "Spends error",
    "spent_percent": "Error spent, %",
    "power_as_seen": "Conditional power, arm better, as seen, %",
    "power_as_seen_other": "Conditional power, the other better, as seen, %",
    "power_as_planned": "Conditional power, arm better, as planned, %",
    "power_as_planned_other": "Conditional power, the other better, as planned, %",
    "predictive_power": "Predictive power, arm better, %",
    "predictive_power_other": "Predictive power, the other better, %",
    "futility": "Futility boundary, z towards benefit",
    "crosses_from": "Deaths in the arm that would cross",
    "crosses_from_other": "Deaths in the other that would cross",
    "p_if_unknown_died": "p-value if all unknown in the arm died",
    "p_if_unknown_died_other": "p-value if all unknown in the other died",
    "note": "Remark",
}
OPTIONAL = (
    *("futility", "crosses_from", "crosses_from_other"),
    *("p_if_unknown_died", "p_if_unknown_died_other"),
)
# What a row has for sentences, and no table: why nothing can be looked at, what would be if all of
# unknown status had died, and whether the result is beyond a boundary, of whatever look.
OF_ROW = ("endpoint", "reason", "unknown", "is_beyond", "is_futile")
WHICH_ARM = (
    "Under letters a rule of three arms or more is not looked at: each arm is compared with the "
    "control arm, and which that is would be told."
)


@exhibit(
    page="board-monitoring",
    leads=13,
    needs=("sequential_rules",),
    conclusions=(Conclusion("crossed", ("rule", "arm")),),
    least_view=View.CODED,
    population=POPULATION,
    title="Group-sequential rules",
    method=(
        "|z| is the normal score of the two-sided p-value of the test. A rule is met where it is "
        "on the boundary or beyond. Rows without participants are the looks to come, with the "
        "information that is then expected.",
        "Error is spent by a function of the information, at the planned and declared looks alone. "
        "A result of another cut-off is held against the boundary that such a look would have, and "
        "spends nothing.",
        "Repeated confidence interval: at the level of the look's boundary, so that all of them "
        "together hold with the rule's error (Jennison & Turnbull 2000).",
        "Conditional power: the probability of crossing at a look to come, going on as seen so "
        "far, or if the arm named were better by the planned effect; predictive power: over all "
        "effects that the data leave likely. Neither is a rule.",
        NO_ALPHA,
    ),
)
def sequential_positions(board: Board) -> Exhibit:
    """Results so far against group-sequential boundaries, at every look."""
    trial = board.trial
    rules = may_run(board, trial.sequential_rules)
    if not rules:
        return Exhibit(missing=NOT_ON_REAL_DATA)
    if len(board.arms) < 2:
        return Exhibit(missing="There is one arm, and nothing to compare it with.")
    if len(board.arms) > 2 and not board.arms_are_named:
        return Exhibit(missing=WHICH_ARM)
    compared = [arm for arm in board.arms if arm != board.reference_arm]
    rows = [row for rule in rules for arm in compared for row in _sequence(board, rule, arm)]
    so_far = [row for row in rows if row["n"] is not None]
    now = list({(row["rule"], row["arm"]): row for row in so_far}.values())
    standing = " ".join(f"{_called(row, now)}: {_reached(row)}." for row in now)
    if unseen := not_stored(board):
        standing += (
            f" No snapshot of the look of {', '.join(map(day, unseen))} is stored: what it spent "
            "is not known, and boundaries are lower than they should be."
        )
    if all(row["z"] is None for row in so_far):
        return Exhibit(missing=standing)
    of_rule = {name_of(rule): rule for rule in rules}
    said = [_attention(of_rule[row["rule"]], row, so_far) for row in now]
    attention = " ".join(filter(None, said))
    opening = attention or f"No boundary is crossed{demonstration(rules)}."
    table = pl.DataFrame(rows, infer_schema_length=None).drop(OF_ROW)
    return Exhibit(
        answer=f"{opening} {standing}",
        denominator="; ".join(
            f"{row['rule']} n = {number(row['n'])} of {number(row['planned'])}" for row in now
        ),
        attention=attention,
        beside="",
        picture=lambda: _boundaries_drawn(board, rules, rows),
        description="The standardized difference at each look, without its sign, against the "
        "share of the planned information, and the boundary of each rule as a line, to the last "
        "look that is planned. A mark has the color of the arm that does better.",
        table=table.drop([name for name in OPTIONAL if table[name].is_null().all()]),
        labels=SEQUENTIAL_LABELS,
        footnotes=(
            *watermark(rules),
            *_tests(board, rules),
            *(
                (f"Each of {len(compared)} comparisons has an equal part of the error.",)
                if len(compared) > 1
                else ()
            ),
            *(
                ("Under letters a one-sided rule is held against both directions.",)
                if any(rule.sided == 1 for rule in rules) and not board.arms_are_named
                else ()
            ),
            *earliest_deaths(board, of_all=True),
            looks_note(board),
        ),
        assumptions=trial.assumptions("sequential_rules", "monitoring", "primary", "survival"),
    )


def _tests(board: Board, rules: Sequence[trials.SequentialRule]) -> list[str]:
    """By which test each endpoint is looked at, and what it leaves out."""
    trial, there = board.trial, {rule.endpoint for rule in rules}
    notes = []
    if "composite" in there and trial.primary is not None:
        notes.append(
            f"Composite: the rank-based composite on day {trial.primary.day}, death worst, by "
            "rank test as on Oxygenation; information is n1 n2 / (N + 1)."
        )
    if "primary" in there and trial.primary is not None:
        notes.append(
            f"PaO2/FiO2 on day {trial.primary.day}: ANCOVA at equal baseline, by its t quantile, "
            "among those with a blood gas. Death, discharge and extubation end the gases: not a "
            "treatment effect. Information is the share of planned participants with a value."
        )
    if "death" in there:
        notes.append(
            f"Deaths by day {trial.survival.day}, by Fisher's exact test, of all who are past that "
            f"day. {PAST} Whose status is not known counts as alive, and the rule is looked at "
            "again as if these had died in one arm alone, and in the other alone. Those not past "
            "the day are left out, dead or not: their deaths would count, but not their lives."
        )
    return notes


# Rows


def _sequence(board: Board, rule: trials.SequentialRule, arm: str) -> list[dict[str, Any]]:
    """The looks of one rule and arm: held, of now, and to come."""
    reason = not_recorded(board, rule).rstrip(".")
    if reason:
        cutoff = board.snapshot.manifest.cutoff
        return [_row(board, rule, arm, cutoff) | {"n": 0, "reason": reason, "note": reason}]
    last_look = board.trial.monitoring.last_look
    at_looks: list[_AtLook] = []
    for cutoff, at in looks(board):
        found, pending = held(at, rule, arm)
        is_final = pending.participants == 0 or (last_look is not None and cutoff >= last_look)
        at_looks.append(
            _AtLook(cutoff, found, pending, is_final, cutoff in board.trial.monitoring.looks)
        )
    scored = [look for look in at_looks if look.found.score is not None]
    spending = Spending(rule.method, rule.parameter, rule.planned_fractions)
    alpha = rule.alpha / (len(board.arms) - 1)
    planned = at_looks[-1].found.planned
    so_far = [Look(look.found.information, look.is_final, look.is_planned) for look in scored]
    later, days = _later(board, at_looks[-1], so_far, planned)
    bounds = monitor([*so_far, *later], planned, spending, alpha=alpha, sided=rule.sided)
    to_come = bounds[len(so_far) :]
    lower = _futility(board, rule, bounds)
    rows, held_before = [], None
    for look in at_looks:
        row = _row(board, rule, arm, look.cutoff) | {
            "n": look.found.n,
            "fraction_percent": rounded(100 * look.found.information / planned, 1),
        }
        if look.found.score is None:
            rows.append(row | {"reason": look.found.reason, "note": look.found.reason})
            continue
        place = scored.index(look)
        row |= _against(board, rule, arm, look.found, bounds[place])
        row["note"] = _note(bounds[place], held_before)
        if place in lower:
            row |= _futile(row, lower[place], arm)
        if look is at_looks[-1] and to_come:
            row |= _powers(board, rule, look.found, bounds[place], to_come)
        if bounds[place].is_counted:
            held_before = look
        rows.append(row)
    for bound, cutoff in zip_longest(to_come, days):
        rows.append(_row(board, rule, arm, cutoff) | _bounded(bound))
    return rows


@dataclass(frozen=True)
class _AtLook:
    cutoff: date
    found: Held
    pending: Pending
    is_final: bool
    is_planned: bool


def _row(board: Board, rule: trials.SequentialRule, arm: str, look: date | None) -> dict[str, Any]:
    """A look at a rule, without results."""
    return dict.fromkeys((*SEQUENTIAL_LABELS, *OF_ROW)) | {
        "rule": name_of(rule),
        "endpoint": rule.endpoint,
        "arm": arm,
        "against": board.reference_arm,
        "look": look,
        "planned": rule.planned,
        "measure": MEASURES[rule.endpoint],
    }


def _bounded(bound: Bound) -> dict[str, Any]:
    can_cross = bound.critical < FARTHEST
    return {
        "fraction_percent": rounded(100 * bound.fraction, 1),
        "z_boundary": bound.critical if can_cross else None,
        "nominal_p": float(nominal_p(bound.critical)) if can_cross else None,
        "is_counted": bound.is_counted,
        "spent_percent": rounded(100 * bound.spent, 2),
    }


def _against(
    board: Board, rule: trials.SequentialRule, arm: str, found: Held, bound: Bound
) -> dict[str, Any]:
    """A result held against its boundary: columns of a row."""
    other = board.reference_arm
    assert found.score is not None
    assert found.p is not None
    assert found.estimate is not None
    row = _bounded(bound)
    level = 1.0 - float(nominal_p(bound.critical))
    low, high = found.interval(level) if level < 1.0 else (None, None)
    places = 1 if rule.endpoint == "primary" else 2
    more = {1: arm, -1: other, 0: None}[_sign(rule, found.estimate)]
    better = more if is_good(rule) or more is None else other if more == arm else arm
    # Under letters either may be the arm that a one-sided rule is about.
    both = rule.sided == 2 or not board.arms_are_named
    counts = both or better == arm
    # Where no error may be spent, no result is beyond.
    may_cross = counts and bound.critical < FARTHEST
    is_beyond = bool(may_cross and abs(found.score) >= bound.critical)
    row |= {
        "estimate": rounded(found.estimate, places),
        "estimate_low": None if low is None else rounded(low, places),
        "estimate_high": None if high is None else rounded(high, places),
        "more": more,
        "better": better,
        "z": abs(found.score),
        "p": found.p,
        "crossed": is_beyond and bound.is_counted,
        "is_beyond": is_beyond,
    }
    if found.deaths is not None:
        row |= _if_unknown(arm, other, found, float(nominal_p(bound.critical)))
    return row


def _sign(rule: trials.SequentialRule, estimate: float) -> int:
    """1 where the arm has more of what is estimated, -1 where the other has."""
    apart = estimate - (50.0 if rule.endpoint == "composite" else 0.0)
    return (apart > 0) - (apart < 0)


def _if_unknown(arm: str, other: str, found: Held, nominal: float) -> dict[str, Any]:
    """How many deaths would cross, and what would be if the unknown had died in one arm alone."""
    assert found.deaths is not None
    assert found.p is not None
    mine, theirs = found.deaths
    from_, from_other = would_cross(mine, theirs, nominal)
    row: dict[str, Any] = {"crosses_from": from_, "crosses_from_other": from_other}
    parts = []
    for name, which, where, elsewhere in (
        ("p_if_unknown_died", mine, arm, other),
        ("p_if_unknown_died_other", theirs, other, arm),
    ):
        if not mine.unknown + theirs.unknown:
            continue
        p = deaths_p(mine, theirs, unknown_died=which)
        row[name] = p
        if (p <= nominal) != (found.p <= nominal):
            is_met = "would be met" if p <= nominal else "would not be met"
            parts.append(
                f"it {is_met} if of those of unknown status ({number(mine.unknown)} of "
                f"{number(mine.of)} in {arm}, {number(theirs.unknown)} of {number(theirs.of)} in "
                f"{other}) all in {where} had died and all in {elsewhere} were alive "
                f"({p_value(p)})"
            )
    return row | {"unknown": " and ".join(parts) or None}


NOTES = {
    "over": "all of the planned information is there, so this look spends all error that is left",
    "final": "no look is to come, so this one spends all error that is left",
    "unplanned": "not one of the planned looks, so no error is spent",
    "fewer": "no more information than on {day} ({n} then), so no error is spent",
    "after": "after the error was spent on {day}: no error is left, so no rule can be met; the "
    "board judges",
}


def _note(bound: Bound, before: _AtLook | None) -> str | None:
    if bound.note is None:
        return None
    if before is None:
        return NOTES[bound.note]
    return NOTES[bound.note].format(day=day(before.cutoff), n=f"n = {number(before.found.n)}")


def _later(
    board: Board, newest: _AtLook, so_far: Sequence[Look], planned: float
) -> tuple[list[Look], list[date]]:
    """The looks to come and their cut-offs: evenly up to what is planned and can be reached.

    None where nobody can add information, or the error is spent.
    """
    counted = [look for look in so_far if look.is_planned]
    if newest.is_final or any(look.is_final or look.information >= planned for look in counted):
        return [], []
    last = board.trial.monitoring.last_look
    days = [
        item
        for item in board.trial.monitoring.looks
        if item > newest.cutoff and last is not None and item <= last
    ]
    begin = max([newest.found.information, *(look.information for look in counted)])
    end = min(planned, reach(newest.found, newest.pending))
    most = int((end - begin) / planned / NEW_INFORMATION)
    days = days[len(days) - min(len(days), most) :]
    return [
        Look(begin + (end - begin) * (place + 1) / len(days), is_final=place + 1 == len(days))
        for place in range(len(days))
    ], days


def _futility(
    board: Board, rule: trials.SequentialRule, bounds: Sequence[Bound]
) -> dict[int, float]:
    """The futility boundary of counted looks, by place; none under letters, which would tell."""
    counted = [(place, bound) for place, bound in enumerate(bounds) if bound.is_counted]
    if rule.futility is None or not board.arms_are_named or not counted:
        return {}
    spending = Spending(rule.futility.method, rule.futility.parameter)
    fractions = [min(bound.fraction, 1.0) for _, bound in counted]
    # What the plan's last look has is what the effect is missed with.
    fractions[-1] = 1.0
    if len(fractions) > 1 and fractions[-2] >= 1.0:
        return {}
    lower = futility(
        fractions, [bound.critical for _, bound in counted], spending, rule.futility.beta
    )
    return {place: float(at) for (place, _), at in zip(counted, lower, strict=True)}


def _futile(row: dict[str, Any], lower: float, arm: str) -> dict[str, Any]:
    score = row["z"] if row["better"] == arm else -row["z"]
    return {"futility": rounded(lower, 2), "is_futile": score < lower and not row["crossed"]}


def _powers(
    board: Board,
    rule: trials.SequentialRule,
    found: Held,
    bound: Bound,
    to_come: Sequence[Bound],
) -> dict[str, float]:
    """How probable it is to cross later, in percent, with the arm or with the other better."""
    assert found.score is not None
    fractions = [item.fraction for item in to_come]
    critical = [item.critical for item in to_come]
    towards = found.score if is_good(rule) else -found.score
    both = rule.sided == 2 or not board.arms_are_named
    powers = {}
    for suffix, score in (("", towards), ("_other", -towards))[: 2 if both else 1]:
        so_far = (score, bound.fraction, fractions, critical)
        powers[f"power_as_seen{suffix}"] = conditional_power(*so_far, sided=rule.sided)
        powers[f"predictive_power{suffix}"] = predictive_power(*so_far, sided=rule.sided)
        if rule.effect is not None:
            powers[f"power_as_planned{suffix}"] = conditional_power(
                *so_far, drift=rule.effect, sided=rule.sided
            )
    return {name: rounded(100 * value, 1) for name, value in powers.items()}


# Sentences


def _called(row: dict[str, Any], now: Sequence[dict[str, Any]]) -> str:
    """A rule as a sentence begins with it, with its arms where there are several comparisons."""
    several = len({item["arm"] for item in now}) > 1
    whose = f" ({row['arm']} against {row['against']})" if several else ""
    return f"{as_sentence(row['rule'])}{whose}"


def _reached(row: dict[str, Any]) -> str:
    if row["z"] is None:
        return f"cannot be looked at: {row['reason']}"
    who = f" ({MORE[row['endpoint']]} {row['more']})" if row["more"] is not None else ""
    limit = (
        f"the boundary is {decimal(row['z_boundary'], 2)}"
        if row["z_boundary"] is not None
        else "so early no error may be spent, and no result is beyond the boundary"
    )
    futile = (
        "; below the futility boundary, at which the board may consider to stop, as benefit is "
        "not to be expected (not stopping costs no error)"
        if row["is_futile"]
        else ""
    )
    remark = f"; {row['note']}" if row["note"] else ""
    return (
        f"with {decimal(row['fraction_percent'], 0)} % of the planned information |z| is "
        f"{decimal(row['z'], 2)}{who}; {limit}{futile}{remark}"
    )


def _attention(
    rule: trials.SequentialRule, row: dict[str, Any], rows: Sequence[dict[str, Any]]
) -> str:
    """What is met now, was met before, or would be if who is unknown had died; else nothing."""
    called = f"Group-sequential rule for {row['rule']}{demonstration([rule])}"
    if row["crossed"]:
        said = f"{called} met: {row['better']} does better. "
        said += f"{as_sentence(since(row, rows, 'crossed', met=True))}."
        return f"{said} But {row['unknown']}." if row["unknown"] else said
    before = [
        item
        for item in rows
        if item["crossed"] and (item["rule"], item["arm"]) == (row["rule"], row["arm"])
    ]
    was = f" was met at the look of {day(before[-1]['look'])}" if before else ""
    if row["is_beyond"]:
        return (
            f"{called}{was}{';' if was else ':'} the result of now is beyond the boundary "
            f"({row['better']} does better), but {row['note']}."
        )
    if was:
        return f"{called}{was}, and is not by the data of now."
    return f"{called} not met by what is known, but {row['unknown']}." if row["unknown"] else ""


# Rules have no color of their own: their boundaries differ by dash, their marks by being filled.
RULE_STYLES = (("solid", ""), ("dot", "-open"), ("dashdot", "-dot"))


def _boundaries_drawn(
    board: Board,
    rules: Sequence[trials.SequentialRule],
    rows: Sequence[dict[str, Any]],
) -> "go.Figure":
    traces: list[dict[str, object]] = []
    for order, rule in enumerate(rules):
        name = name_of(rule)
        dash, filled = RULE_STYLES[order % len(RULE_STYLES)]
        of_rule = [row for row in rows if row["rule"] == name]
        for arm in dict.fromkeys(row["arm"] for row in of_rule):
            of_arm = [row for row in of_rule if row["arm"] == arm]
            limits = [row for row in of_arm if row["z_boundary"] is not None]
            held_against = sorted(limits, key=lambda row: row["fraction_percent"])
            traces.append(
                {
                    "x": [row["fraction_percent"] for row in held_against],
                    "y": [row["z_boundary"] for row in held_against],
                    "mode": "lines+markers",
                    "line": {"color": QUIET, "width": 2, "dash": dash},
                    "marker": {"symbol": "line-ew-open", "size": 14, "color": QUIET},
                    "name": safe(f"Boundary of {name}"),
                    "showlegend": arm == of_rule[0]["arm"],
                    "hovertemplate": "%{x}: boundary %{y:.2f}<extra></extra>",
                }
            )
            seen = [row for row in of_arm if row["z"] is not None]
            styles = [
                arm_style(board.arms.index(row["better"]) + 1) if row["better"] else None
                for row in seen
            ]
            better = [f"{row['better']} better" if row["better"] else "alike" for row in seen]
            traces.append(
                {
                    "x": [row["fraction_percent"] for row in seen],
                    "y": [row["z"] for row in seen],
                    "mode": "lines+markers+text",
                    "line": {"color": QUIET, "width": 1, "dash": dash},
                    "marker": {
                        "color": [style.color if style else QUIET for style in styles],
                        "symbol": [
                            f"{style.symbol if style else 'circle'}{filled}" for style in styles
                        ],
                        "size": 12,
                    },
                    "text": ["" for _ in better[:-1]] + [safe(word) for word in better[-1:]],
                    "textposition": "top center",
                    "customdata": [
                        f"{day(row['look'])}: {safe(word)}"
                        for row, word in zip(seen, better, strict=True)
                    ],
                    "name": safe(f"{as_sentence(name)}, {arm} against {board.reference_arm}"),
                    "hovertemplate": "%{customdata}, |z| %{y:.2f}<extra></extra>",
                }
            )
    furthest = max((row["fraction_percent"] or 0.0 for row in rows), default=100.0)
    return figure(
        x_title="Share of planned information",
        y_title="Standardized difference, |z|",
        height=480,  # on a telephone the legend takes a line for each entry
        traces=traces,
        layout={
            "xaxis": {"range": [0, max(105, furthest + 5)], "ticksuffix": " %"},
            "annotations": stamp(rules),
        },
    )

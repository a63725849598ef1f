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
from exhibits.exhibit import Conclusion, Exhibit, exhibit
from exhibits.monitoring.looks import (
    NO_ALPHA,
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
from exhibits.parts.comparison import contrast, has_enough, minimum
from exhibits.parts.populations import PAST
from exhibits.parts.theme import QUIET, arm_style, figure, safe
from exhibits.parts.words import decimal, rounded, signed
from queries import Board
from queries.bound import planned_days


@dataclass(frozen=True)
class Arm:
    """What an arm has of an endpoint: values, or deaths among those past the day and known."""

    values: tuple[float, ...] = ()
    known: int = 0
    events: int = 0


def endpoint(board: Board, rule: trials.SequentialRule) -> dict[str, Arm]:
    """What each arm has of the endpoint of a rule, by name."""
    if rule.endpoint == "primary":
        assert board.trial.primary is not None
        rows = board.ask(
            "oxygenation/changes", days=planned_days(board.trial), filters=everybody(board)
        ).filter((pl.col("planned_day") == board.trial.primary.day) & pl.col("value").is_not_null())
        of_arm = {arm: rows.filter(pl.col("arm") == arm)["value"].to_list() for arm in board.arms}
        return {arm: Arm(tuple(values), len(values)) for arm, values in of_arm.items()}
    rows = board.ask(
        "survival/vital_status", days=[board.trial.survival.day], filters=everybody(board)
    )
    # Before the day is past only deaths can be known: who lives would not count yet.
    by = {(arm, state): past for arm, state, past in rows.select("arm", "state", "past").rows()}
    died = {arm: by.get((arm, "died"), 0) for arm in board.arms}
    return {arm: Arm((), died[arm] + by.get((arm, "alive"), 0), died[arm]) for arm in board.arms}


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
    if not may_run(board, trial.sequential_rules):
        return Exhibit(missing=NOT_ON_REAL_DATA)
    if len(board.arms) < 2:
        return Exhibit(missing="There is one arm, and nothing to compare it with.")
    rules = [rule for rule in may_run(board, trial.sequential_rules) if _can(board, rule)]
    if not rules:
        return Exhibit(missing="The extract has nothing that the rules' endpoints are made of.")
    rows: list[dict[str, Any]] = []
    for rule in rules:
        for arm in board.arms:
            if arm != board.reference_arm:
                rows += _sequence(board, rule, arm)
    if not rows:
        return Exhibit(
            missing=f"At no look had two arms {minimum(board)} participants with an endpoint."
        )
    held = [row for row in rows if row["n"] is not None]
    # The last look of each: one without more information than the look before is none.
    now = list({(row["rule"], row["arm"]): row for row in held}.values())
    made_up = {name_of(rule): demonstration([rule]) for rule in rules}
    met = " ".join(
        f"Group-sequential rule for {row['rule']}{made_up[row['rule']]} met: "
        f"{_reached(board, row)}. "
        f"{as_sentence(since(row, held, 'crossed', met=True))}."
        for row in now
        if row["crossed"]
    )
    return Exhibit(
        answer=met
        or f"No boundary is crossed{demonstration(rules)}. "
        + " ".join(f"{as_sentence(row['rule'])}: {_reached(board, row)}." for row in now),
        denominator="; ".join(f"{row['rule']} n = {row['n']} of {row['planned']}" for row in now),
        attention=met,
        beside="",
        picture=lambda: _boundaries_drawn(board, rules, rows),
        description="The standardized difference at each look against the share of the planned "
        "information, and the boundary of each rule as a line above and below, to the last look "
        "that is planned.",
        table=pl.DataFrame(rows, infer_schema_length=None),
        labels=SEQUENTIAL_LABELS,
        footnotes=(
            *watermark(rules),
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
            looks_note(board),
        ),
        assumptions=trial.assumptions("sequential_rules", "monitoring", "primary", "survival"),
    )


# The columns of a row, in their order, and what they are called.
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


def _can(board: Board, rule: trials.SequentialRule) -> bool:
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


def _sequence(board: Board, rule: trials.SequentialRule, arm: str) -> list[dict[str, Any]]:
    """The looks of one rule and arm; one without more information than the last is none."""
    seen: list[tuple[date, Arm, Arm, float]] = []
    for cutoff, at in looks(board):
        of_arm = endpoint(at, rule)
        mine, theirs = of_arm[arm], of_arm[board.reference_arm]
        fraction = min((mine.known + theirs.known) / rule.planned, 1.0)
        if has_enough(board, min(mine.known, theirs.known)) and (
            not seen or fraction > seen[-1][3]
        ):
            seen.append((cutoff, mine, theirs, fraction))
    if not seen:
        return []
    so_far = [item[3] for item in seen]
    later = _later(board, so_far[-1])
    critical = boundaries([*so_far, *later], rule.method, alpha=rule.alpha, sided=rule.sided)
    rows: list[dict[str, Any]] = []
    for place, (cutoff, mine, theirs, fraction) in enumerate(seen):
        bound = float(critical[place])
        nominal = float(nominal_p(bound, rule.sided))
        row = _row(rule, arm, cutoff, fraction, bound) | {
            "n": mine.known + theirs.known,
            "nominal_p": nominal,
        }
        if rule.endpoint == "death":
            p: float | None = float(
                fisher_exact(mine.events, mine.known, theirs.events, theirs.known)
            )
            assert p is not None
            difference = 100 * (mine.events / mine.known - theirs.events / theirs.known)
            row["difference"] = rounded(difference, 1)
            crossed = p <= nominal
        else:
            means, p, crossed = _means(mine.values, theirs.values, bound, rule)
            difference = means["difference"]
            row |= means
        row |= {"p": p, "crossed": crossed}
        if p is not None:
            row["z"] = _signed_score(p, difference, rule.sided)
        if rule.method.startswith("Lan-DeMets"):
            spending = float(spent(fraction, rule.method, rule.alpha, rule.sided))
            row["spent_percent"] = rounded(100 * spending, 2)
        if place == len(seen) - 1 and later and row["score"] is not None:
            assert p is not None
            for name, drift in (("power_as_seen", None), ("power_as_planned", rule.effect)):
                if name == "power_as_seen" or drift is not None:
                    power = conditional_power(
                        float(z_of(p, rule.sided)), fraction, later,
                        critical[place + 1 :].tolist(), drift=drift, sided=rule.sided,
                    )  # fmt: skip
                    row[name] = rounded(100 * power, 1)
        rows.append(row)
    to_come = [item for item in board.trial.monitoring.reviews if item > seen[-1][0]]
    return rows + [
        _row(rule, arm, look, fraction, float(bound))
        for fraction, bound, look in zip_longest(
            later, critical[len(seen) :], to_come[: len(later)]
        )
    ]


def _row(
    rule: trials.SequentialRule, arm: str, look: date | None, fraction: float, bound: float
) -> dict[str, Any]:
    """A look at a rule with its boundary; without results, as one that is to come."""
    return dict.fromkeys(SEQUENTIAL_LABELS) | {
        "rule": name_of(rule),
        "arm": arm,
        "look": look,
        "planned": rule.planned,
        "fraction_percent": rounded(100 * fraction, 1),
        "z_boundary": bound,
    }


def _signed_score(p: float, difference: float, sided: int) -> float:
    """The normal score that is as extreme as a p-value, in the direction of the difference."""
    score = min(max(float(z_of(p, sided)), 0.0), FARTHEST)
    return score if difference >= 0 else 0.0 - score


def _means(
    mine: Sequence[float], theirs: Sequence[float], bound: float, rule: trials.SequentialRule
) -> tuple[dict[str, Any], float | None, bool]:
    """The t statistic with its boundary, its p-value, and whether it crosses."""
    test = welch(mine, theirs)
    row: dict[str, Any] = {"difference": rounded(test.estimate, 1)}
    if test.score is None or test.degrees_of_freedom is None:
        return row, None, False
    limit = float(t_critical(bound, test.degrees_of_freedom, rule.sided))
    return (
        row | {"score": rounded(test.score, 2), "boundary": rounded(limit, 2)},
        float(t_nominal_p(abs(test.score), test.degrees_of_freedom, rule.sided)),
        abs(test.score) >= limit,
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
    rules: Sequence[trials.SequentialRule],
    rows: Sequence[dict[str, Any]],
) -> "go.Figure":
    traces: list[dict[str, object]] = []
    for order, name in enumerate(dict.fromkeys(row["rule"] for row in rows)):
        dash, filled = RULE_STYLES[order % len(RULE_STYLES)]
        of_rule = [row for row in rows if row["rule"] == name]
        for arm in dict.fromkeys(row["arm"] for row in of_rule):
            of_arm = [row for row in of_rule if row["arm"] == arm]
            for sign in (1, -1):
                traces.append(
                    {
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
            traces.append(
                line_of_arm(
                    board,
                    arm,
                    [row for row in of_arm if row["z"] is not None],
                    "fraction_percent",
                    "z",
                    marker={
                        "color": style.color,
                        "symbol": f"{style.symbol}{filled}",
                        "size": 12,
                    },
                    name=safe(f"{as_sentence(name)}, {arm}"),
                    hovertemplate="%{text}: standardized difference %{y:.2f}<extra></extra>",
                )
            )
    return figure(
        x_title="Share of planned information",
        y_title="Standardized difference (z)",
        height=480,  # on a telephone the legend takes a line for each entry
        traces=traces,
        layout={
            "xaxis": {"range": [0, 105], "ticksuffix": " %"},
            "yaxis": {"rangemode": "normal"},
            "annotations": stamp(rules),
        },
    )

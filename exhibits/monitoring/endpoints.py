"""What a group-sequential rule looks at: two arms against each other, and what may still come."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

import trials
from estimators.linear import ancova
from estimators.proportions import fisher_exact, miettinen_nurminen, splits
from estimators.sequential import t_nominal_p, z_of
from exhibits.exhibit import DEATHS, NOT_RECORDED, NOT_THERE
from exhibits.monitoring.looks import everybody
from exhibits.parts.comparison import minimum
from exhibits.parts.populations import all_randomized
from exhibits.parts.ranks import Ranked, composite_scores
from exhibits.parts.strata import strata_by_arm, within
from exhibits.parts.words import number
from queries import Board
from queries.bound import planned_days

Interval = Callable[[float], tuple[float | None, float | None]]
# What a rule's estimate is, second minus first; and what is said of the arm that has more of it.
MEASURES = {
    "composite": "probability of doing better, %",
    "primary": "mean at equal baseline, mmHg",
    "death": "deaths, percentage points",
}
MORE = {"composite": "better in", "primary": "higher in", "death": "more deaths in"}
# A score lies within it; a p-value of 0 would have none.
MOST = 38.0


@dataclass(frozen=True)
class Deaths:
    """Of those past the day: who died, and of whom it is not known."""

    died: int
    unknown: int
    of: int


@dataclass(frozen=True)
class Held:
    """An endpoint of an arm and of the one that it is compared with, at one look.

    Attributes:
        n: participants with the endpoint, of both arms.
        information: in the unit of `planned`.
        planned: the information that is planned.
        estimate: of the arm less that of the other, in the unit of its `MEASURES`; of the
            composite, the probability that the arm does better.
        interval: the estimate's, at a level.
        score: the normal score that is as extreme as `p`, above 0 where the arm has more of what
            is estimated.
        p: two-sided.
        reason: why there is no score.
        deaths: of the arm and of the other, where these are the endpoint.
    """

    n: int
    information: float
    planned: float
    estimate: float | None = None
    interval: Interval = lambda _level: (None, None)
    score: float | None = None
    p: float | None = None
    reason: str = ""
    deaths: tuple[Deaths, Deaths] | None = None


@dataclass(frozen=True)
class Pending:
    """Participants who may still get the endpoint, and what part of them is likely to."""

    participants: int
    share: float


def not_recorded(board: Board, rule: trials.SequentialRule) -> str:
    """Why the extract has nothing that the endpoint of a rule is made of; empty where it has."""
    if rule.endpoint != "primary" and not any(map(board.has, DEATHS)):
        return NOT_RECORDED["DM.DTHFL"]
    if rule.endpoint == "death":
        return ""
    if board.trial.oxygenation is None:
        return "The trial definition does not say how oxygenation is looked at."
    return "" if board.has("LB") else NOT_THERE["LB"]


def is_good(rule: trials.SequentialRule) -> bool:
    """Whether more of what a rule looks at is better for participants."""
    return rule.endpoint == "composite" or (rule.endpoint == "primary" and rule.better == "higher")


def held(board: Board, rule: trials.SequentialRule, arm: str) -> tuple[Held, Pending]:
    """An arm against the reference arm by the endpoint of a rule, and who may still have it."""
    pair = (arm, board.reference_arm)
    found, pending = _ENDPOINTS[rule.endpoint](board, rule, pair)
    enrolling = max(board.trial.accrual.target - all_randomized(board), 0)
    arms = board.trial.arms.list
    # Of whom no arm is drawn yet, two arms of several get their part.
    to_come = enrolling * min(1.0, 2 / len(arms))
    return found, Pending(pending.participants + round(to_come), pending.share)


def with_endpoint(board: Board, rule: trials.SequentialRule) -> int:
    """How many participants have the endpoint of a rule, of all arms."""
    if rule.endpoint == "composite":
        return _people_on_rungs(board).filter("is_ranked").height
    if rule.endpoint == "primary":
        return _people_with_baseline(board).filter(pl.col("value").is_not_null()).height
    return int(_vital_status(board)["past"].sum())


def _people_on_rungs(board: Board) -> pl.DataFrame:
    assert board.trial.primary is not None
    return board.ask(
        "oxygenation/composite", planned_day=board.trial.primary.day, filters=everybody(board)
    )


def _people_with_baseline(board: Board) -> pl.DataFrame:
    assert board.trial.primary is not None
    rows = board.ask(
        "oxygenation/changes", days=planned_days(board.trial), filters=everybody(board)
    )
    on_day = pl.col("planned_day") == board.trial.primary.day
    return rows.filter(on_day & pl.col("baseline").is_not_null())


def _vital_status(board: Board) -> pl.DataFrame:
    return board.ask(
        "survival/vital_status", days=[board.trial.survival.day], filters=everybody(board)
    )


def _too_few(board: Board, sizes: Mapping[str, int], have: str) -> str:
    """Why two arms are not compared, by the arms that have too few; empty where none has."""
    short = [f"{number(n)} in {arm}" for arm, n in sizes.items() if n < minimum(board)]
    return f"{' and '.join(short)} {have}, {minimum(board)} are needed" if short else ""


def _scored(p: float | None, estimate: float, zero: float = 0.0) -> float | None:
    """The normal score of a two-sided p-value, in the direction of the estimate."""
    if p is None:
        return None
    score = min(float(z_of(min(p, 1.0))), MOST)
    return score if estimate > zero else 0.0 - score if estimate < zero else 0.0


def _composite(
    board: Board, rule: trials.SequentialRule, pair: tuple[str, str]
) -> tuple[Held, Pending]:
    people = _people_on_rungs(board).filter(pl.col("arm").is_in(pair))
    ranked = people.filter("is_ranked")
    scores = composite_scores(board, ranked)
    mine, theirs = (scores[arm] for arm in pair)
    to_come = people.filter(pl.col("state") == "to_come").height
    pending = Pending(to_come, _part(ranked.height, people.height - to_come))
    n1, n2 = len(mine), len(theirs)
    planned = _planned_sizes(board, rule)
    information = n1 * n2 / (n1 + n2 + 1)
    full = planned[0] * planned[1] / (planned[0] + planned[1] + 1)
    reason = _too_few(board, dict(zip(pair, (n1, n2), strict=True)), "can be ranked")
    if reason:
        return Held(n1 + n2, information, full, reason=reason), pending
    strata = within(board, strata_by_arm(board, ranked), pair[0])
    compared = Ranked(pair, (mine, theirs), strata)
    test, win = compared.test, compared.win
    if win.estimate is None:
        return Held(n1 + n2, information, full, reason=(win.reason or "").rstrip(".")), pending

    def interval(level: float) -> tuple[float | None, float | None]:
        at = compared.at(level)
        return (None, None) if at.low is None or at.high is None else (100 * at.low, 100 * at.high)

    return Held(
        n1 + n2,
        information,
        full,
        100 * win.estimate,
        interval,
        _scored(test.p_value, win.estimate, 0.5),
        test.p_value,
        test.reason or "",
    ), pending


def _primary(
    board: Board, rule: trials.SequentialRule, pair: tuple[str, str]
) -> tuple[Held, Pending]:
    assert board.trial.primary is not None
    rows = _people_with_baseline(board).filter(pl.col("arm").is_in(pair))
    with_value = rows.filter(pl.col("value").is_not_null())
    to_come = rows.filter(pl.col("state") == "to_come").height
    pending = Pending(to_come, _part(with_value.height, rows.height - to_come))
    mine, theirs = (
        with_value.filter(pl.col("arm") == arm)
        .select(pl.col("baseline", "value").cast(pl.Float64))
        .to_numpy()
        for arm in pair
    )
    n = with_value.height
    sizes = dict(zip(pair, (len(mine), len(theirs)), strict=True))
    have = f"have a value at baseline and on day {board.trial.primary.day}"
    reason = _too_few(board, sizes, have)
    if reason:
        return Held(n, n, rule.planned, reason=reason), pending
    strata = within(board, strata_by_arm(board, with_value), pair[0]).labels
    test = ancova(mine, theirs, strata=strata)
    if test.difference is None or test.standard_error is None or test.degrees_of_freedom is None:
        return Held(n, n, rule.planned, reason=(test.reason or "").rstrip(".")), pending

    def interval(level: float) -> tuple[float | None, float | None]:
        at = ancova(mine, theirs, strata=strata, level=level)
        return at.low, at.high

    t = test.difference / test.standard_error
    p = float(t_nominal_p(abs(t), test.degrees_of_freedom))
    score = _scored(p, test.difference)
    return Held(n, n, rule.planned, test.difference, interval, score, p), pending


def _death(
    board: Board, rule: trials.SequentialRule, pair: tuple[str, str]
) -> tuple[Held, Pending]:
    rows = _vital_status(board)
    # Before the day is past only deaths can be known: who lives would not count yet.
    by = {(arm, state): past for arm, state, past in rows.select("arm", "state", "past").rows()}
    mine, theirs = (
        Deaths(
            by.get((arm, "died"), 0),
            by.get((arm, "not_known"), 0),
            sum(past for (whose, _), past in by.items() if whose == arm),
        )
        for arm in pair
    )
    n = mine.of + theirs.of
    dated = rows.filter(pl.col("arm").is_in(pair) & (pl.col("state") != "undated"))
    pending = Pending(int(dated["participants"].sum()) - n, 1.0)
    sizes = dict(zip(pair, (mine.of, theirs.of), strict=True))
    reason = _too_few(board, sizes, f"are past day {board.trial.survival.day}")
    least = board.trial.survival.least_known
    known = sum(arm.of - arm.unknown for arm in (mine, theirs))
    if not reason and any(arm.of - arm.unknown < least * arm.of for arm in (mine, theirs)):
        reason = (
            f"of {number(known)} of {number(n)} past day {board.trial.survival.day} it is known "
            f"whether they died, and {100 * least:g} % of each arm are needed"
        )
    if reason:
        return Held(n, n, rule.planned, reason=reason, deaths=(mine, theirs)), pending
    estimate = 100 * (mine.died / mine.of - theirs.died / theirs.of)
    p = deaths_p(mine, theirs)
    interval = partial(_difference_of_deaths, mine, theirs)
    score = _scored(p, estimate)
    return Held(n, n, rule.planned, estimate, interval, score, p, deaths=(mine, theirs)), pending


def _difference_of_deaths(mine: Deaths, theirs: Deaths, level: float) -> tuple[float, float]:
    at = miettinen_nurminen(mine.died, mine.of, theirs.died, theirs.of, level)
    return 100 * float(at.low), 100 * float(at.high)


def deaths_p(mine: Deaths, theirs: Deaths, *, unknown_died: Deaths | None = None) -> float:
    """Fisher's p of those past the day; who is unknown counts as alive, but in `unknown_died`."""
    died = [arm.died + (arm.unknown if arm is unknown_died else 0) for arm in (mine, theirs)]
    return float(fisher_exact(died[0], mine.of, died[1], theirs.of))


def would_cross(mine: Deaths, theirs: Deaths, nominal: float) -> tuple[int | None, int | None]:
    """From how many of the deaths there are, in the arm or in the other, the rule would be met."""
    total = mine.died + theirs.died
    first, _ = splits(total, mine.of, theirs.of)
    p = fisher_exact(first, np.full_like(first, mine.of), total - first, theirs.of)
    share = first / mine.of - (total - first) / theirs.of
    crosses = p <= nominal
    more, fewer = first[crosses & (share > 0)], first[crosses & (share < 0)]
    return (
        int(more.min()) if more.size else None,
        int(total - fewer.max()) if fewer.size else None,
    )


def _planned_sizes(board: Board, rule: trials.SequentialRule) -> tuple[float, float]:
    """How the planned participants fall on two arms.

    The same for every two arms of unlike ratios, as under letters nobody knows whose is whose.
    """
    ratios = sorted(arm.ratio for arm in board.trial.arms.list)
    least, most = ratios[0], ratios[-1]
    return rule.planned * least / (least + most), rule.planned * most / (least + most)


def _part(of: int, total: int) -> float:
    return of / total if total else 1.0


_ENDPOINTS = {"composite": _composite, "primary": _primary, "death": _death}


def reach(found: Held, pending: Pending) -> float:
    """The information that there can be in the end, in its unit; as it is where none can come."""
    if not found.n:
        return found.planned
    return found.information * (found.n + pending.participants * pending.share) / found.n

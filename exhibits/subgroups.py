"""Do the arms differ otherwise in some participants than in others?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from access.view import View
from estimators.proportions import miettinen_nurminen, square_and_add
from estimators.ranks import win_probability
from exhibits.exhibit import DEATHS, Estimand, Exhibit, exhibit
from exhibits.parts.comparison import contrast, has_enough, in_limits, minimum, too_few_note
from exhibits.parts.events import recorded_of_events
from exhibits.parts.populations import earliest_deaths, size_of_all
from exhibits.parts.ranks import composite_scores
from exhibits.parts.theme import QUIET, arm_style, error_bars, figure, rows_axis, safe
from exhibits.parts.words import NOT_ADJUSTED, counted, number, rounded, signed
from queries import Board
from queries.bound import bands

NOT_RECORDED = "(not recorded)"
COMPOSITE = "Composite"
DIFFERENCE = ("difference", "difference_low", "difference_high")
INTERACTION = ("interaction", "interaction_low", "interaction_high")


# A difference and its limits, in percentage points.
Estimate = tuple[float, float, float]


@dataclass(frozen=True)
class _Outcome:
    """What arms are compared by in each level.

    Attributes:
        name: as the table has it.
        rows: those who have the outcome or not.
        event: who has it; None of the composite, which is compared by rank.
    """

    name: str
    rows: pl.DataFrame
    event: str | None


@exhibit(
    page="board-survival",
    title="Subgroups",
    data=(("DM",),),
    least_view=View.CODED,
    filtered=True,
    by_day=False,
    method=(
        "One characteristic at a time, its levels disjoint. Shares: difference and limits by "
        "Miettinen & Nurminen (1985). Composite: the probability of doing better less 50 %, limits "
        "by Brunner & Munzel (2000).",
        "Interaction: the difference in a level less that in all other levels of the "
        "characteristic together, limits by the method of variance estimates recovery. Of a "
        "characteristic with two levels it stands once. Whoever has no level recorded stands "
        "apart.",
        f"All of these are {NOT_ADJUSTED}, nor for each other. Read the whole trial first: "
        "subgroups of a small trial differ by chance.",
    ),
    estimand=Estimand(
        endpoint="deaths by the day of Survival, any serious event, composite of the primary day",
        events="as of these outcomes in the whole trial",
        summary="difference within each level",
    ),
)
def subgroups(board: Board) -> Exhibit:
    """Deaths, serious events and the composite by sex, age, baseline severity and site."""
    if len(board.arms) < 2:
        return Exhibit(missing="There is one arm, and nothing to compare it with.")
    groups, primary = board.trial.subgroups, board.trial.primary
    day = board.trial.survival.day
    people = board.ask(
        "subgroups/people",
        day=day,
        planned_day=primary.day if primary is not None else day,
        age_bands=bands(groups.ages),
        severity_bands=bands(groups.severity),
    )
    outcomes = list(_outcomes(board, people, day))
    if not outcomes:
        return Exhibit(
            missing="Neither deaths nor seriousness of events are known of enough participants, "
            "and there is no composite."
        )
    compared = [arm for arm in board.arms if arm != board.reference_arm]
    rows = [
        row
        for outcome in outcomes
        for arm in compared
        for row in _rows(board, outcome, (arm, board.reference_arm))
    ]
    table = pl.DataFrame(rows, infer_schema_length=None)
    reference = board.reference_arm
    return Exhibit(
        answer=_answer(board, rows),
        denominator=f"N = {size_of_all(board):,}; n by level in the table",
        picture=(lambda: _drawn(board, rows)) if table["difference"].count() else None,
        description="For each outcome and level a dot at the difference to the reference arm, with "
        "its 95 % interval as a line. Dotted: no difference. The whole trial stands first.",
        table=table,
        labels={
            "with_event": "With it",
            "of": "n",
            "with_event_reference": f"With it, {reference}",
            "of_reference": f"n, {reference}",
            "difference": f"Difference to {reference}, points",
            "interaction": "Interaction, points",
        },
        footnotes=(
            _of_deaths(board, people, day),
            *earliest_deaths(board),
            *too_few_note(board, [row[name] for row in rows for name in ("of", "of_reference")]),
        ),
        assumptions=board.trial.assumptions("subgroups", "survival", "primary"),
    )


def _outcomes(board: Board, people: pl.DataFrame, day: int) -> Iterator[_Outcome]:
    if any(map(board.has, DEATHS)) and _enough_known(board, people):
        yield _Outcome(f"Deaths by day {day}", people.filter("is_known"), "died")
    if recorded_of_events(board)["serious"]:
        yield _Outcome("Any serious event", people, "had_serious")
    there = board.trial.primary is not None and board.trial.oxygenation is not None
    if there and any(map(board.has, DEATHS)):
        ranked = people.filter(pl.col("state").is_not_null())
        if ranked.height:
            assert board.trial.primary is not None
            name = f"{COMPOSITE} on day {board.trial.primary.day}"
            yield _Outcome(name, ranked, None)


def _of_deaths(board: Board, people: pl.DataFrame, day: int) -> str:
    """Of whom deaths are compared, or why they are not."""
    if not any(map(board.has, DEATHS)):
        return "Deaths are not recorded."
    past = people.filter("is_past")
    known, of = number(int(past["is_known"].sum())), number(past.height)
    if not _enough_known(board, people):
        return f"Deaths by day {day} are not compared: status known of {known} of {of} past it."
    return f"Deaths by day {day}: of the {known} of {of} past it whose status is known."


def _enough_known(board: Board, people: pl.DataFrame) -> bool:
    """Whether it is known of enough of those past the day, in each arm, if they lived on it."""
    past = people.filter("is_past").group_by("arm").agg(pl.col("is_known").mean())
    return bool(past.height and (past["is_known"] >= board.trial.survival.least_known).all())


def _levels(board: Board, rows: pl.DataFrame) -> list[tuple[str, str, pl.Expr]]:
    """Each characteristic with its levels: those of the definition, or those that are recorded."""
    groups = board.trial.subgroups
    named = {
        "age": [band.name for band in groups.ages],
        "severity": [band.name for band in groups.severity],
    }
    found = []
    for factor in ("sex", "age", "severity", "site"):
        there = set(rows[factor].drop_nulls().unique())
        levels = [name for name in named.get(factor, sorted(there)) if name in there]
        # One level of everybody is the whole trial.
        if len(levels) + bool(rows[factor].null_count()) < 2:
            continue
        found += [(factor, level, pl.col(factor) == level) for level in levels]
        if rows[factor].null_count():
            found.append((factor, NOT_RECORDED, pl.col(factor).is_null()))
    return found


FACTORS = {"sex": "Sex", "age": "Age", "severity": "Severity at baseline", "site": "Site"}
SEXES = {"F": "Women", "M": "Men"}


@dataclass(frozen=True)
class _Part:
    """Participants of two arms: those of a level, or of all others of the characteristic."""

    rows: pl.DataFrame
    arms: tuple[str, str]
    event: str | None

    def of(self, arm: str) -> pl.DataFrame:
        """Those of one arm."""
        return self.rows.filter(pl.col("arm") == arm)

    @property
    def counts(self) -> tuple[int, ...]:
        """With the event and all, of either arm; with it nobody where arms are ranked."""
        parts = [self.of(arm) for arm in self.arms]
        had = [0 if self.event is None else int(part[self.event].sum()) for part in parts]
        return had[0], parts[0].height, had[1], parts[1].height


def _rows(board: Board, outcome: _Outcome, arms: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """An outcome of two arms in the whole trial, then in each level."""
    levels = _levels(board, outcome.rows)
    sizes = Counter(factor for factor, level, _ in levels if level != NOT_RECORDED)
    inside = [_Part(outcome.rows, arms, outcome.event)]
    inside += [_Part(outcome.rows.filter(is_in), arms, outcome.event) for _, _, is_in in levels]
    outside: dict[int, _Part] = {}
    told: set[str] = set()
    for place, (factor, level, is_in) in enumerate(levels, start=1):
        # Of two levels the second is the first turned round.
        if level == NOT_RECORDED or sizes[factor] < 2 or (sizes[factor] == 2 and factor in told):
            continue
        told.add(factor)
        others = outcome.rows.filter(~is_in & pl.col(factor).is_not_null())
        outside[place] = _Part(others, arms, outcome.event)
    found = _differences(board, [*inside, *outside.values()])
    named = [("Whole trial", "")]
    named += [
        (FACTORS[of], SEXES.get(name, name) if of == "sex" else name) for of, name, _ in levels
    ]
    for place, (part, (characteristic, level)) in enumerate(zip(inside, named, strict=True)):
        had, n, had_reference, n_reference = part.counts
        row: dict[str, Any] = {
            "outcome": outcome.name,
            "characteristic": characteristic,
            "level": level,
            "arm": arms[0],
            "with_event": None if outcome.event is None else had,
            "of": n,
            "with_event_reference": None if outcome.event is None else had_reference,
            "of_reference": n_reference,
        } | dict.fromkeys((*DIFFERENCE, *INTERACTION))
        of_level = found[place]
        if of_level is not None:
            row |= dict(zip(DIFFERENCE, (rounded(x, 1) for x in of_level), strict=True))
        if place in outside:
            of_others = found[len(inside) + list(outside).index(place)]
            if of_level is not None and of_others is not None:
                apart = square_and_add(of_level, of_others)
                row |= {
                    name: rounded(float(value), 1)
                    for name, value in zip(INTERACTION, apart, strict=True)
                }
        yield row


def _differences(board: Board, parts: Sequence[_Part]) -> list[Estimate | None]:
    """The difference of the arms in each part, in points; None of fewer than the minimum."""
    counts = np.array([part.counts for part in parts], dtype=np.int64)
    apart = miettinen_nurminen(*counts.T)
    found: list[Estimate | None] = []
    for place, part in enumerate(parts):
        if not all(has_enough(board, int(n)) for n in counts[place, 1::2]):
            found.append(None)
        elif part.event is not None:
            values = (apart.estimate[place], apart.low[place], apart.high[place])
            found.append((100 * float(values[0]), 100 * float(values[1]), 100 * float(values[2])))
        else:
            scores = composite_scores(board, part.rows)
            win = win_probability(scores[part.arms[0]], scores[part.arms[1]])
            found.append(
                None
                if win.estimate is None or win.low is None or win.high is None
                else (100 * win.estimate - 50, 100 * win.low - 50, 100 * win.high - 50)
            )
    return found


def _answer(board: Board, rows: Sequence[Mapping[str, Any]]) -> str:
    """Which interactions' intervals exclude none; where none does, that it cannot be told."""
    interactions = [row for row in rows if row["interaction"] is not None]
    if not interactions:
        return (
            f"Subgroups cannot be compared: none of a characteristic has {minimum(board)} "
            "participants of each arm within it and without."
        )
    apart = [
        row for row in interactions if row["interaction_low"] > 0 or row["interaction_high"] < 0
    ]
    of_all = f"{counted(len(interactions), 'interaction')}"
    if not apart:
        return (
            f"Too few to tell subgroups apart: of {of_all} no interval excludes none. Read the "
            "whole trial."
        )
    said = "; ".join(
        f"{row['outcome']}, {row['characteristic'].lower()} {row['level']} against the others "
        f"({contrast(board, row['arm'])}): {signed(row['interaction'])} points "
        f"({in_limits(row['interaction_low'], row['interaction_high'], 1)})"
        for row in apart
    )
    return (
        f"Of {of_all} the interval of {number(len(apart))} excludes none; by chance alone one in "
        f"twenty would: {said}."
    )


def _key(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["outcome"], row["characteristic"], row["level"]


def _drawn(board: Board, rows: Sequence[Mapping[str, Any]]) -> "go.Figure":
    """Differences in the whole trial and in each level, an outcome beneath the other."""
    keys = list(dict.fromkeys(map(_key, rows)))
    names = [
        safe(level or f"{outcome}: {characteristic.lower()}")
        for outcome, characteristic, level in keys
    ]
    place = {key: index for index, key in enumerate(keys)}
    compared = list(dict.fromkeys(row["arm"] for row in rows))
    traces: list[Mapping[str, object]] = []
    for order, arm in enumerate(compared):
        style = arm_style(board.arms.index(arm) + 1)
        part = [row for row in rows if row["arm"] == arm and row["difference"] is not None]
        apart = 0.25 * (order - (len(compared) - 1) / 2)
        bars = error_bars(*(pl.Series([row[name] for row in part]) for name in DIFFERENCE))
        traces.append(
            {
                "x": [row["difference"] for row in part],
                "y": [place[_key(row)] + apart for row in part],
                "error_x": bars,
                "mode": "markers",
                "marker": {"color": style.color, "symbol": style.symbol, "size": 9},
                "name": safe(contrast(board, arm)),
                "text": [
                    f"{row['outcome']}, {row['level'] or 'whole trial'}: "
                    f"{signed(row['difference'])} points "
                    f"({in_limits(row['difference_low'], row['difference_high'], 1)})"
                    for row in part
                ],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    drawn = figure(
        x_title=f"Difference to {safe(board.reference_arm)}, percentage points",
        y_title="",
        height=150 + len(names) * (20 + 8 * len(compared)),
        traces=traces,
        layout={"yaxis": rows_axis(names) | {"showgrid": False}, "xaxis": {"range": [-105, 105]}},
    )
    drawn.add_vline(x=0, line={"color": QUIET, "width": 1.5, "dash": "dot"})
    return drawn

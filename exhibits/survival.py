"""Who died, and when: deaths, survival, discharge with death competing, known vital status."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from estimators.time_to_event import (
    KaplanMeier,
    aalen_johansen,
    difference_at,
    incidence_on,
    kaplan_meier,
    log_rank,
    survival_on,
)
from exhibits.exhibit import Conclusion, Exhibit, Number, People, exhibit
from exhibits.parts.comparison import (
    TOO_FEW,
    apart_in_words,
    arms_to_compare,
    contrast,
    counts_in_arms,
    difference_labels,
    has_enough,
    in_limits,
    shares_in_arms,
    too_few_note,
    with_difference,
    with_percent,
    with_share,
)
from exhibits.parts.incidence_curves import (
    days_apart,
    in_percent,
    incidence_curve,
    incidence_figure,
    milestones,
)
from exhibits.parts.interval_dots import interval_dots
from exhibits.parts.populations import nobody_to_show, row_name
from exhibits.parts.stacked_bars import stacked
from exhibits.parts.theme import STATES, arm_style, figure, in_lines, safe
from exhibits.parts.words import counted, decimal, percent, rounded, share, signed
from exhibits.special_interest.incidence import LEAST_EVENTS
from queries import Board

OBSERVED = (
    "Day 1 is the day of randomization. A participant is observed up to death, or up to the last "
    "day on which they are known to have been alive: at a planned visit, by a measurement of one, "
    "by a contact, by discharge or by completing the study; at the latest up to the data cut-off. "
    "Discharge alive ends no observation. Who came to a planned visit, or completed the study, in "
    "the window before the planned day is observed to that day, unless they left the study."
)
BY_WHICH = (
    "Deaths are those in demographics (DM); where it has none of a participant, that in "
    "disposition (DS)."
)
PAST = "Past a day: the window of its planned visit had closed by the data cut-off."
ALL = "In all"
DISCHARGED, DEAD = 1, 2

VITAL = (
    ("died", "Died", STATES.died),
    ("alive", "Known alive", STATES.as_planned),
    ("not_known", "Not known", STATES.not_known),
    ("not_due", "Not due yet", STATES.to_come),
    ("undated", "No date of randomization", STATES.undated),
)
KNOWN = ("died", "alive")


def _by_vital_status(
    board: Board, words: str, arm: str | None, *, state: str, day: int, only_past: bool = False
) -> People:
    return People(
        row_name(board, words, arm) if arm else words,
        "people/by_vital_status",
        (
            ("asked_day", day),
            ("state", state),
            ("only_past", only_past),
            ("arm", arm),
        ),
    )


def who_died(arm: str | None, board: Board | None = None) -> People:
    """Participants who died, of an arm; None for all."""
    title = row_name(board, "Died", arm) if arm and board else "Died"
    return People(title, "people/who_died", (("arm", arm),))


def _vital_status(board: Board, days: list[int]) -> pl.DataFrame:
    """Participants by day, arm and what is known of them.

    A column a state, `past` how many of them could be followed to the day, `died_past` of these who
    died by it.
    """
    rows = board.ask("survival/vital_status", days=days)
    counts = {
        (day, arm, state): (participants, past)
        for day, arm, state, participants, past in rows.select(
            "asked_day", "arm", "state", "participants", "past"
        ).rows()
    }
    return pl.DataFrame(
        [
            {"asked_day": day, "arm": arm, "position": position}
            | {state: counts.get((day, arm, state), (0, 0))[0] for state, _, _ in VITAL}
            | {
                "past": sum(counts.get((day, arm, state), (0, 0))[1] for state, _, _ in VITAL),
                "died_past": counts.get((day, arm, "died"), (0, 0))[1],
                "known_past": sum(counts.get((day, arm, state), (0, 0))[1] for state in KNOWN),
            }
            for day in days
            for position, arm in enumerate(board.arms, start=1)
        ]
    ).with_columns(randomized=pl.sum_horizontal([state for state, _, _ in VITAL]))


# Deaths


@exhibit(
    page="board-survival",
    leads=41,
    title="Deaths in each arm",
    data=("DM",),
    conclusions=(
        Conclusion("percent", ("group", "arm")),
        Conclusion("difference", ("group", "arm"), "minus"),
    ),
    filtered=True,
    by_day=False,
    method=(
        BY_WHICH,
        OBSERVED,
    ),
)
def mortality(board: Board) -> Exhibit:
    """How many died in each arm, by the day that the trial definition names and in all."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    day = board.trial.survival.day
    known, randomized = _vital_status(board, [day]), pl.col("randomized")
    dead = dict(board.ask("survival/observed").group_by("arm").agg(pl.col("is_dead").sum()).rows())
    by_day = f"By day {day}"
    rows = pl.concat(
        [
            known.select(
                pl.lit(by_day).alias("group"),
                "arm",
                pl.col("died_past").alias("participants"),
                pl.col("known_past").alias("randomized"),
                (pl.col("past") - pl.col("known_past")).alias("not_known"),
            ),
            known.select(
                pl.lit(ALL).alias("group"),
                "arm",
                pl.col("arm")
                .replace_strict(dead, default=0, return_dtype=pl.Int64)
                .alias("participants"),
                "randomized",
                pl.lit(None, pl.Int64).alias("not_known"),
            ),
        ]
    )
    table = with_difference(board, with_share(board, rows), by=["group"])
    lists = tuple(
        who_died(row["arm"], board)
        if row["group"] == ALL
        else _by_vital_status(
            board, f"Died by day {day}", row["arm"], state="died", day=day, only_past=True
        )
        for row in table.iter_rows(named=True)
    )
    sums = {str(name): part.sum() for (name,), part in table.group_by("group", maintain_order=True)}
    early, total = sums[by_day], sums[ALL]
    undated = int(known["undated"].sum())
    by_then = table.filter(pl.col("group") == by_day)
    deaths_by_then = (
        f"By day {day}, {share(early['participants'].item(), early['randomized'].item())} of those "
        f"past that day with a known vital status died{_counts_in_words(board, by_then)}"
        f"{_differences_in_words(board, by_then.iter_rows(named=True), 'deaths')}."
    )
    known_percent = known.select(
        "arm", pl.when(randomized > 0).then(100 * pl.sum_horizontal(KNOWN) / randomized)
    )
    attention = (
        deaths_by_then if apart_in_words(board, by_then, by="group") else "",
        _too_little_known(board, dict(known_percent.rows()), day),
    )
    deaths_in_all = (
        f"Deaths in all: {share(total['participants'].item(), total['randomized'].item())}"
        f"{_counts_in_words(board, table.filter(pl.col('group') == ALL))}."
    )
    return Exhibit(
        attention=" ".join(part for part in attention if part),
        answer=f"{deaths_by_then} {deaths_in_all}",
        beside=deaths_in_all if attention[0] else None,
        denominator=f"n = {early['randomized'].item():,} past day {day} with a known vital status "
        f"of N = {total['randomized'].item():,}",
        numbers=tuple(
            Number(
                f"Died {name[0].lower()}{name[1:]}",
                share(part["participants"].item(), part["randomized"].item()),
                ""
                if len(board.arms) == 1
                else shares_in_arms(
                    board,
                    table.filter(pl.col("group") == name).iter_rows(named=True),
                    "randomized",
                ),
                who_died(None, board)
                if name == ALL
                else _by_vital_status(
                    board, f"Died by day {day}", None, state="died", day=day, only_past=True
                ),
            )
            for name, part in sums.items()
        ),
        picture=interval_dots(
            board,
            table.with_row_index("list").with_columns(
                place=(pl.col("group") == ALL).cast(pl.Int64)
            ),
            [by_day, ALL],
            x_title="Participants who died, %",
        ),
        description=f"A dot with its interval for each arm of this view: the share who died by day "
        f"{day}, and in all.",
        table=table,
        labels=MORTALITY_LABELS | difference_labels(board),
        footnotes=(
            f"By day {day}: of those who are past that day, and of whom it is known whether they "
            f"lived on it. {PAST} Of those randomized later deaths would count, but not lives, so "
            "they are left out. In all: of all randomized, however long they were followed.",
            "Exact intervals (Clopper & Pearson 1934)"
            + (
                f"; differences to {board.reference_arm} in percentage points with 95 % intervals "
                "(Miettinen & Nurminen 1985)."
                if len(board.arms) > 1
                else ", 95 %."
            ),
            *_undated_note(undated),
            *too_few_note(board, table["randomized"]),
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=lists,
    )


MORTALITY_LABELS = {
    "group": "Deaths",
    "participants": "Died",
    "randomized": "Of",
    "not_known": "Vital status not known",
}


def _counts_in_words(board: Board, rows: pl.DataFrame) -> str:
    """`: 7 of 14 in Arm A, 2 of 14 in Arm B`; nothing where there is one arm."""
    if len(board.arms) == 1:
        return ""
    return f": {counts_in_arms(rows.iter_rows(named=True), 'randomized')}"


def _differences_in_words(board: Board, rows: Iterable[Mapping[str, Any]], of: str) -> str:
    """What arms differ by, and of what: more deaths is less survival, so that signs turn round."""
    return "".join(
        f"; {contrast(board, row['arm'])}: {signed(row['difference'])} percentage points of {of} "
        f"({in_limits(row['difference_low'], row['difference_high'], 1)})"
        for row in rows
        if row.get("difference") is not None
    )


def _undated_note(undated: int) -> tuple[str, ...]:
    if not undated:
        return ()
    return (
        f"Not on any study day: {counted(undated, 'participant')} without a date of randomization.",
    )


# Survival


@exhibit(
    page="board-survival",
    title="Survival from randomization",
    data=("DM",),
    filtered=True,
    by_day=False,
    method=(
        OBSERVED,
        BY_WHICH,
        "Kaplan & Meier's estimate (1958) with 95 % limits on the log-log scale, at each day "
        "by itself; none before the first death. At risk: known to have been alive up to the "
        "day before. Towards the right few are at risk, and one death moves the curve far.",
    ),
)
def survival_curve(board: Board) -> Exhibit:
    """Survival from randomization in each arm, numbers at risk, and the difference on a day."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    day = board.trial.survival.day
    everybody = board.ask("survival/observed")
    known = everybody.filter(pl.col("day").is_not_null())
    arms = {
        arm: (part["day"].to_numpy(), part["is_dead"].to_numpy())
        for arm in board.arms
        for part in [known.filter(pl.col("arm") == arm)]
    }
    curves = {arm: kaplan_meier(*observed) for arm, observed in arms.items()}
    sizes = {arm: len(time) for arm, (time, _) in arms.items()}
    estimated = [arm for arm in board.arms if has_enough(board, sizes[arm])]
    compared = arms_to_compare(board, sizes)
    days = sorted({1, day, *milestones(board, max(known["day"].to_list(), default=1))})
    rows = [
        row | beside
        for arm in board.arms
        for row in _curve_rows(arm, curves[arm], days, shown=arm in estimated)
        for beside in [
            _compared(board, arms, arm, day, shown=arm in compared) if row["day"] == day else {}
        ]
    ]
    lists = tuple(who_died(arm, board) for arm in board.arms)
    has_died = {arm: bool(dead.any()) for arm, (_, dead) in arms.items()}
    died, total = int(known["is_dead"].sum()), everybody.height
    imputed = int(known["is_earliest"].sum())
    return Exhibit(
        answer=_survival_answer(board, rows, day) if estimated else TOO_FEW,
        denominator=f"n = {counted(died, 'death')} among N = {total:,}",
        picture=(
            lambda: _curves_drawn(
                board, {arm: curves[arm] for arm in estimated}, days_apart(days, day)
            )
        )
        if estimated
        else None,
        description="A step curve of the share alive by study day for each arm of this view, with "
        "a band of its 95 % limits and, below it, the numbers at risk.",
        table=pl.DataFrame(
            rows,
            schema={
                name: kind
                for name, kind in SURVIVAL_SCHEMA.items()
                if len(board.arms) > 1 or not name.startswith("difference")
            },
        ),
        labels=SURVIVAL_LABELS | difference_labels(board),
        footnotes=(
            *(
                (
                    f"Difference on day {day}: of two such estimates, with limits from Wilson's "
                    "by Newcombe's method (1998; Zou & Donner 2008).",
                )
                if len(board.arms) > 1
                else ()
            ),
            *(
                (
                    f"{counted(imputed, 'death')} without a date on the earliest day possible: "
                    "the last on which the participant is known to have been alive, or the first "
                    "that the recorded part of the date allows.",
                )
                if imputed
                else ()
            ),
            *_undated_note(total - known.height),
            *(_log_rank_note(board, known) if len(estimated) == len(board.arms) else ()),
            *too_few_note(board, sizes.values()),
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=lists,
        row_lists=tuple(
            board.arms.index(row["arm"]) if has_died[row["arm"]] else None for row in rows
        ),
    )


SURVIVAL_SCHEMA = {
    "arm": pl.String,
    "day": pl.Int64,
    "participants": pl.Int64,
    "at_risk": pl.Int64,
    "deaths": pl.Int64,
    "survival_percent": pl.Float64,
    "survival_percent_low": pl.Float64,
    "survival_percent_high": pl.Float64,
    "known": pl.Int64,
    "known_percent": pl.Float64,
    "difference": pl.Float64,
    "difference_low": pl.Float64,
    "difference_high": pl.Float64,
}
SURVIVAL_LABELS = {
    "at_risk": "At risk",
    "deaths": "Died by then",
    "survival_percent": "Survival, %",
    "known": "Vital status known",
    "known_percent": "Known, %",
}
Observed = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def _curve_rows(
    arm: str, curve: KaplanMeier, days: list[int], *, shown: bool
) -> list[dict[str, Any]]:
    on = survival_on(curve, days)
    return [
        {
            "arm": arm,
            "day": day,
            "participants": int(curve.at_risk[0]),
            "at_risk": int(on.at_risk[place]),
            "deaths": int(curve.events[curve.times <= day].sum()),
            "survival_percent": in_percent([on.survival[place]], shown=shown)[0],
            "survival_percent_low": in_percent([on.low[place]], shown=shown)[0],
            "survival_percent_high": in_percent([on.high[place]], shown=shown)[0],
        }
        for place, day in enumerate(days)
    ]


def _compared(
    board: Board, arms: dict[str, Observed], arm: str, day: int, *, shown: bool
) -> dict[str, Any]:
    """What stands beside the trial's day alone: who is known of, and the difference."""
    found = difference_at(arms[arm], arms[board.reference_arm], day)
    beside = {
        "known": found.known[0],
        "known_percent": None
        if found.known_share[0] is None
        else rounded(100 * found.known_share[0], 1),
    }
    if arm == board.reference_arm or found.estimate is None or not shown:
        return beside
    assert found.low is not None
    assert found.high is not None
    return beside | {
        name: rounded(100 * value, 1)
        for name, value in (
            ("difference", found.estimate),
            ("difference_low", found.low),
            ("difference_high", found.high),
        )
    }


def _survival_answer(board: Board, rows: list[dict[str, Any]], day: int) -> str:
    on_day = [row for row in rows if row["day"] == day]
    several = len(board.arms) > 1
    parts = []
    for row in on_day:
        words = "not known"
        if row["survival_percent"] is not None:
            words = f"{decimal(row['survival_percent'])} %"
        if row["survival_percent_low"] is not None:
            low, high = row["survival_percent_low"], row["survival_percent_high"]
            words += f" ({decimal(low)} to {decimal(high)})"
        parts.append(f"{row['arm']} {words}" if several else words)
    apart = _differences_in_words(board, on_day, "survival")
    warning = _too_little_known(board, {row["arm"]: row["known_percent"] for row in on_day}, day)
    said = f"Survival to day {day}: {'; '.join(parts)}{apart}."
    return f"{said} {warning}".rstrip()


def _too_little_known(board: Board, known: dict[str, float | None], day: int) -> str:
    """A warning where the vital status of too small a share of an arm is known on a day."""
    least = 100 * board.trial.survival.least_known
    short = [
        f"{value:.0f} % of {arm if len(board.arms) > 1 else 'participants'}"
        for arm, value in known.items()
        if value is not None and value < least
    ]
    if not short:
        return ""
    return (
        f"Warning: vital status on day {day} is known for only {', '.join(short)} (below "
        f"{least:.0f} %)."
    )


def _log_rank_note(board: Board, known: pl.DataFrame) -> tuple[str, ...]:
    """A test, where there are arms to compare; secondary."""
    if len(board.arms) < 2:
        return ()
    died = int(known["is_dead"].sum())
    if died < LEAST_EVENTS:
        return (f"No log-rank test: fewer than {LEAST_EVENTS} deaths.",)
    test = log_rank(known["day"].to_numpy(), known["is_dead"].to_numpy(), known["arm"].to_list())
    if test.chi_square is None or test.p is None:
        return (f"No log-rank test. {test.reason}",)
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
    return (
        f"Secondary: log-rank test (Mantel 1966) over all follow-up, χ² {test.chi_square:.2f} on "
        f"{test.degrees_of_freedom} df, {p}, not adjusted for looks at the data.",
    )


def _curves_drawn(board: Board, curves: dict[str, KaplanMeier], days: list[int]) -> go.Figure:
    names = [in_lines(arm, 12) for arm in board.arms]
    row = 22 * max(name.count("<br>") + 1 for name in names) + 6
    above, below = 340, row * len(names)
    height = above + below + 150
    drawn = figure(x_title="Study day", y_title="Alive, %", height=height)
    last = max(days[-1], *(float(curve.times[-1]) for curve in curves.values()))
    # The part of the height that axes and rows share is what the margins leave.
    share_below = below / (above + below + 40)
    axis = drawn.layout.yaxis.to_plotly_json()
    drawn.update_layout(
        xaxis={
            "anchor": "y2",
            "tickvals": days,
            # From a little before day 1 and to a little behind the last, so that numbers are whole.
            "range": [-0.04 * last, 1.05 * last],
        },
        yaxis={"domain": [share_below + 40 / (above + below + 40), 1], "range": [0, 103]},
        yaxis2={name: axis[name] for name in ("automargin", "tickfont", "zeroline")}
        | {
            "domain": [0, share_below],
            "anchor": "x",
            "showgrid": False,
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "range": [len(names) - 0.5, -0.5],
        },
    )
    drawn.add_annotation(
        text="At risk",
        x=0,
        y=share_below,
        xref="paper",
        yref="paper",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
    )
    for position, (arm, curve) in enumerate(curves.items(), start=1):
        _add_band(drawn, position, curve)
        _add_survival(drawn, board, position, arm, curve)
        on = survival_on(curve, days)
        drawn.add_trace(
            go.Scatter(
                x=days,
                y=[position - 1] * len(days),
                yaxis="y2",
                mode="text",
                text=[f"{count:,}" for count in on.at_risk],
                cliponaxis=False,
                showlegend=False,
                hoverinfo="skip",
            )
        )
    return drawn


def _add_band(drawn: go.Figure, position: int, curve: KaplanMeier) -> None:
    """The pointwise limits, where there are any, as steps."""
    there = np.flatnonzero(np.isfinite(curve.low))
    if there.size == 0:
        return
    ends = np.append(curve.times, curve.times[-1])
    x = [time for place in there for time in (float(curve.times[place]), float(ends[place + 1]))]
    low, high = (
        [value for place in there for value in (100 * float(values[place]),) * 2]
        for values in (curve.low, curve.high)
    )
    drawn.add_trace(
        go.Scatter(
            x=[*x, *reversed(x)],
            y=[*high, *reversed(low)],
            fill="toself",
            fillcolor=arm_style(position).color,
            opacity=0.16,
            line={"width": 0},
            mode="lines",
            legendgroup=str(position),
            showlegend=False,
            hoverinfo="skip",
        )
    )


def _add_survival(
    drawn: go.Figure, board: Board, position: int, arm: str, curve: KaplanMeier
) -> None:
    """A step curve with a mark at each day of a death, which leads to who died in the arm."""
    style = arm_style(position)
    days, alive = [1.0], [100.0]
    if curve.times[0] == 0.0 and curve.at_risk[0] > 0:
        # There is no day 0: who is alive when follow-up begins stands on day 1.
        days = [max(day, 1.0) for day in curve.times.tolist()]
        alive = (100 * curve.survival).round(1).tolist()
    deaths = curve.events.tolist() if len(days) == curve.events.size else [0]
    died = any(deaths)
    drawn.add_trace(
        go.Scatter(
            x=days,
            y=alive,
            mode="lines+markers",
            line={"color": style.color, "dash": style.dash, "shape": "hv", "width": 3},
            marker={
                "color": style.color,
                "symbol": style.symbol,
                "size": [9 if count else 0 for count in deaths],
                "opacity": 1,
            },
            customdata=[position - 1 if died else None] * len(days),
            text=[f"{counted(count, 'death')} on the day" for count in deaths],
            name=safe(arm),
            legendgroup=str(position),
            showlegend=len(board.arms) > 1,
            hovertemplate="Day %{x}: %{y} % alive, %{text}<extra>" + safe(arm) + "</extra>",
        )
    )


# Discharge


@exhibit(
    page="board-survival",
    title="Discharge from hospital alive",
    population="Randomized participants in hospital on day 1, as randomized",
    data=("HO",),
    filtered=True,
    by_day=False,
    method=(
        "The first day on which a stay in hospital ended and no other went on; coming back "
        "later changes nothing. Who died on that day died in hospital. A stay in intensive "
        "care counts only for who has no stay in hospital on record.",
        "Aalen & Johansen's estimate (1978) with death as the competing event; 95 % limits on "
        "the log-log scale (Choudhury 2002), none where there was no such event. Who was "
        "still in hospital is observed up to the last day on which they are known to have "
        "been alive, at the latest up to the data cut-off.",
    ),
)
def discharge(board: Board) -> Exhibit:
    """Discharge from hospital alive, with death before it as the competing event, in each arm."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    day = board.trial.survival.day
    everybody = board.ask("survival/hospital")
    states = {"in_hospital": 0, "discharged": DISCHARGED, "died": DEAD}
    known = everybody.filter(pl.col("state").is_in(list(states))).with_columns(
        outcome=pl.col("state").replace_strict(states, return_dtype=pl.Int64)
    )
    if known.is_empty():
        return Exhibit(
            missing="No stay in hospital on day 1 is recorded of any of these participants.",
        )
    sizes = {arm: known.filter(pl.col("arm") == arm).height for arm in board.arms}
    estimated = [arm for arm in board.arms if has_enough(board, sizes[arm])]
    days = sorted({1, day, *milestones(board, int(str(known["day"].max())))})
    traces: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    lists: list[People] = []
    row_lists: list[int | None] = []
    for position, arm in enumerate(board.arms, start=1):
        of_arm = known.filter(pl.col("arm") == arm)
        time, outcome = of_arm["day"].to_numpy(), of_arm["outcome"].to_numpy()
        curves = aalen_johansen(time, outcome, codes=[DISCHARGED, DEAD])
        on = incidence_on(curves, days)
        places: list[int | None] = []
        for state, words in (("discharged", "Discharged alive"), ("died", "Died in hospital")):
            some = bool((outcome == states[state]).any())
            if some:
                lists.append(_by_discharge(board, words, arm, state))
            places.append(len(lists) - 1 if some else None)
        for place, on_day in enumerate(days):
            row_lists.append(places[0])
            rows.append(
                {"arm": arm, "day": on_day, "participants": of_arm.height}
                | {"at_risk": int(on.at_risk[place])}
                | {
                    name: int(((outcome == code) & (time <= on_day)).sum())
                    for name, code in (("discharged", DISCHARGED), ("died", DEAD))
                }
                | {
                    name: in_percent([values[place]], shown=arm in estimated)[0]
                    for name, values in (
                        ("discharged_percent", on.incidence[0]),
                        ("discharged_percent_low", on.low[0]),
                        ("discharged_percent_high", on.high[0]),
                        ("died_percent", on.incidence[1]),
                        ("died_percent_low", on.low[1]),
                        ("died_percent_high", on.high[1]),
                    )
                }
            )
        for cause, people in enumerate(places if arm in estimated else ()):
            traces.append(
                incidence_curve(
                    board, cause + 1, position, curves, days[-1], people=people, cause=cause
                )
            )
    went, died = (known.filter(pl.col("outcome") == code).height for code in (DISCHARGED, DEAD))
    return Exhibit(
        answer=_discharge_answer(board, rows, day) if estimated else TOO_FEW,
        denominator=f"n = {known.height:,} in hospital on day 1 of N = {everybody.height:,}; "
        f"{went:,} discharged alive, {died:,} died before",
        picture=None
        if not estimated
        else lambda: incidence_figure(
            {
                "Discharged alive": "Participants discharged alive, %",
                "Died before discharge": "Participants who died, %",
            },
            traces,
            days_apart(days, day),
        ),
        description="Two panels of step curves, one for each arm of this view: the share "
        "discharged alive by study day, and the share who died before.",
        table=pl.DataFrame(rows),
        labels=DISCHARGE_LABELS,
        footnotes=(
            *_left_out_of_discharge(everybody),
            *too_few_note(board, sizes.values()),
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=tuple(lists),
        row_lists=tuple(row_lists),
    )


DISCHARGE_LABELS = {
    "arm": "Arm",
    "day": "Study day",
    "participants": "In hospital on day 1",
    "at_risk": "At risk",
    "discharged": "Discharged alive",
    "died": "Died before",
    "discharged_percent": "Discharged alive, %",
    "died_percent": "Died before, %",
}


def _by_discharge(board: Board, words: str, arm: str, state: str) -> People:
    return People(
        row_name(board, words, arm),
        "people/by_discharge",
        (("state", state), ("arm", arm)),
    )


def _discharge_answer(board: Board, rows: list[dict[str, Any]], day: int) -> str:
    parts = []
    for row in rows:
        if row["day"] != day:
            continue
        if row["discharged_percent"] is None:
            words = "not known"
        else:
            words = percent(row["discharged_percent"] / 100)
            if row["discharged_percent_low"] is not None:
                low, high = row["discharged_percent_low"], row["discharged_percent_high"]
                words += f" ({decimal(low)} to {decimal(high)})"
            words += f", died before {percent(row['died_percent'] / 100)}"
        parts.append(f"{row['arm']} {words}" if len(board.arms) > 1 else words)
    return f"Discharged alive by day {day}: {'; '.join(parts)}."


def _left_out_of_discharge(everybody: pl.DataFrame) -> tuple[str, ...]:
    """Whom the curves leave out, and why; over all arms."""
    words = {
        "not_in_hospital": "without a stay on day 1 on record",
        "no_date": "without a full date of discharge",
        "undated": "without a date of randomization",
    }
    counts = dict(everybody.group_by("state").len().rows())
    said = [f"{counts[state]:,} {text}" for state, text in words.items() if counts.get(state)]
    return (f"Not counted here: {', '.join(said)}.",) if said else ()


# Vital status


@exhibit(
    page="board-survival",
    title="Vital status known",
    data=("DM",),
    filtered=True,
    by_day=False,
    method=(
        "Known: died by the day, or known to have been alive on it. Not known: past the day, "
        f"and neither is recorded; who left the study may be among them. {PAST}",
        OBSERVED,
    ),
)
def vital_status(board: Board) -> Exhibit:
    """For whom vital status is known on the days of the trial definition and at its end."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rules, end = board.trial.survival, board.trial.schedule[-1].day
    days = sorted({*rules.known_days, rules.day, end})
    rows = _vital_status(board, days).with_columns(
        known=pl.sum_horizontal(KNOWN),
    )
    table = with_percent(board, rows, "known", "randomized", "known_percent")
    table = with_percent(board, table, "known_past", "past", "known_past_percent")
    states = [state for state, _, _ in VITAL]
    lists = tuple(
        _by_vital_status(
            board,
            f"Vital status on day {row['asked_day']} not known",
            row["arm"],
            state="not_known",
            day=row["asked_day"],
        )
        for row in table.iter_rows(named=True)
    )
    said = []
    for day in days:
        part = table.filter(pl.col("asked_day") == day)
        shares = dict(part.select("arm", "known_percent").rows())
        said.append(_known_on_day(part.select(pl.col(pl.Int64).sum()).row(0, named=True), day))
        if warning := _too_little_known(board, shares, day):
            said.append(warning)
    return Exhibit(
        answer=" ".join(said),
        denominator=f"N = {int(rows.filter(pl.col('asked_day') == end)['randomized'].sum()):,}",
        picture=lambda: stacked(
            [
                (row_name(board, f"Day {row['asked_day']}", row["arm"]), row)
                for row in table.iter_rows(named=True)
            ],
            VITAL,
            "Randomized participants",
            height=34,
            longest=18,
        ),
        description="A stacked bar for each day and arm of this view: died by the day, known alive "
        "on it, not known, day not reached.",
        table=table.select(
            "asked_day",
            "arm",
            "randomized",
            *states,
            "known",
            "known_percent",
            "past",
            "known_past_percent",
        ),
        labels={
            "asked_day": "Study day",
            "arm": "Arm",
            "randomized": "Randomized",
            "known": "Known",
            "known_percent": "Known, % of randomized",
            "past": "Past this day",
            "known_past_percent": "Known, % of these",
        }
        | {state: words for state, words, _ in VITAL},
        footnotes=(
            "A warning stands where vital status is known for fewer than "
            f"{100 * rules.least_known:.0f} % of an arm: what is estimated on that day then rests "
            "on the others being like them.",
        ),
        assumptions=board.trial.assumptions("survival", "schedule"),
        lists=lists,
        row_lists=tuple(
            place if row["not_known"] else None
            for place, row in enumerate(table.iter_rows(named=True))
        ),
    )


def _known_on_day(counts: Mapping[str, int], day: int) -> str:
    """For how many vital status is known on a day, and what there is to say of the others."""
    said = (
        f"Day {day}: known for {share(counts['known'], counts['randomized'])}, of those past it "
        f"for {counts['known_past']:,} of {counts['past']:,}."
    )
    if counts["not_known"]:
        verb = "is" if counts["not_known"] == 1 else "are"
        said += (
            f" {counted(counts['not_known'], 'participant')} {verb} past day {day} with unknown "
            "status."
        )
    if counts["not_due"]:
        said += f" For {counts['not_due']:,} last known alive it is still to come."
    return said

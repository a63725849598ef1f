"""Are patients' lungs getting better? PaO2/FiO2, respiratory support and the WHO scale by day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from access.view import View
from estimators.ordinal import CommonOddsRatio, proportional_odds
from exhibits.exhibit import RANDOMIZED, Conclusion, Exhibit, Number, People, exhibit
from exhibits.parts.comparison import arms_to_compare, in_limits, too_few_to_compare
from exhibits.parts.day_courses import MOST_LINES, Panel, courses, with_enough
from exhibits.parts.populations import nobody_to_show, row_name, size_of_all
from exhibits.parts.ranks import WIN_LABELS, WIN_METHOD, Ranked, wins
from exhibits.parts.stacked_bars import FATES, SHADES, shades, stacked, stacked_days
from exhibits.parts.theme import STATES, State
from exhibits.parts.words import decimal, p_value, share, signed
from queries import Board
from trials.definition import Band, Oxygenation

RATIO = "PaO2/FiO2, mmHg"
BY_THE_VISIT = (
    "A day is a visit of the schedule; of several values of one visit the first by date counts."
)
WHO_IS_DEAD = (
    "Each day has those whose day was reached by the cut-off; of them, who died on it or before "
    "counts as died, whatever was measured; who has no value and was in hospital, or of whom it is "
    "not known, as missing."
)
ARTERIAL = (
    "PaO2 and FiO2 of the same arterial sample; other specimens, and ratios outside 20 to 700 "
    "mmHg, are not used. Clock times are sealed: where a visit has two blood gases of one date, "
    "which pressure belongs to which FiO2 is not known, and the day has no value. On a cannula or "
    "mask FiO2 is an estimate."
)
COURSE_METHOD = (
    "Medians and quartiles of those with a value. Who is discharged, dead or better has no values "
    "later, so that later days are of other people: look at n, and at the bands.",
    BY_THE_VISIT,
)
STATES_METHOD = (
    WHO_IS_DEAD,
    "Each day adds up to all participants. Day not reached: its date is after the data cut-off, "
    "dead or not; of these deaths would count, but not lives.",
    BY_THE_VISIT,
)
NO_STAYS = "The extract has no hospital stays (HO): who is discharged is not known, and is missing."


@dataclass(frozen=True)
class Looked:
    """What of a person's day an exhibit looks at.

    Attributes:
        what: the value, as questions know it.
        label: what a value is called, with its unit behind a comma.
        bands: into which values fall.
        has: what is said of those who have a value.
        discharged: what those are called who are discharged and have none.
        told: the band that the sentence counts, too.
    """

    what: str
    label: str
    bands: Sequence[Band] = ()
    has: str = "have a value"
    discharged: str = "Discharged"
    told: str = ""

    @property
    def name(self) -> str:
        """The label without its unit."""
        return self.label.partition(", ")[0]


# What is asked, and what is missing


def asked(board: Board) -> Oxygenation:
    """What the trial definition says of oxygenation, where an exhibit needs it."""
    assert board.trial.oxygenation is not None
    return board.trial.oxygenation


def planned_days(board: Board) -> list[int]:
    """The days of the schedule from the day before randomization on, once each."""
    return sorted({visit.day for visit in board.trial.schedule if visit.day >= 1})


def rules_of(board: Board) -> dict[str, Any]:
    """The measures that a person's day is told by, as questions bind them."""
    rules = board.trial.oxygenation
    if rules is None:
        # What became of people is told without any measure.
        return {
            "scale": "",
            "peep": "",
            "saturation": "",
            "saturation_fio2": "",
            "saturation_at_most": 0.0,
        }
    return {
        "scale": rules.scale,
        "peep": rules.peep,
        "saturation": rules.saturation,
        "saturation_fio2": rules.saturation_fio2,
        "saturation_at_most": rules.saturation_at_most,
    }


def bound(bands: Sequence[Band]) -> list[dict[str, Any]]:
    """Bands as questions bind them; a number in each limit, so that an empty one has a type."""
    return [
        {
            "name": band.name,
            "at_least": band.at_least,
            "above": band.above,
            "below": band.below,
            "at_most": band.at_most,
        }
        for band in bands
    ]


def _in_state(board: Board, looked: Looked, row: dict[str, Any], words: str) -> People:
    """The participants of a row: in a state on a day, or with any value where it has no state."""
    day = row["planned_day"]
    return People(
        row_name(board, f"{words}, day {day}", row["arm"]),
        "people/in_state",
        (
            ("what", looked.what),
            ("bands", bound(looked.bands)),
            ("days", [day]),
            ("rules", rules_of(board)),
            ("planned_day", day),
            ("state", row.get("state")),
            ("label", looked.name),
            ("arm", row["arm"]),
        ),
    )


def _stays_note(board: Board) -> tuple[str, ...]:
    return () if board.has("HO") else (NO_STAYS,)


# The rank-based composite


UNRANKED = ("missing", "left", "to_come")
RUNG_STYLES = {
    "died": STATES.died,
    "support_4": SHADES[5],
    "support_3": SHADES[4],
    "support_2": SHADES[3],
    "support_1": SHADES[2],
    "ratio": SHADES[1],
    "discharged_without_oxygen": FATES[0][2],
}


def rung_names(board: Board) -> dict[str, str]:
    """What each rung of the composite is called, the worst first, and why somebody has none."""
    of_rank = {f"support_{band.at_least:g}": band.name for band in support_bands(board)[1:]}
    names = of_rank | {
        "died": "Died",
        "ratio": "By PaO2/FiO2",
        "discharged_without_oxygen": "Discharged without oxygen",
    }
    fates = {name: words for name, words, _ in FATES}
    ranked = {rung: names.get(rung, rung) for rung in asked(board).composite}
    return ranked | {name: fates[name] for name in UNRANKED}


@exhibit(
    page="board-oxygenation",
    tab="Composite and PaO2/FiO2",
    leads=61,
    title="Rank-based composite",
    needs=("oxygenation",),
    data=("LB",),
    conclusions=(Conclusion("win_percent", ("arm",), "doing better than"),),
    filtered=True,
    method=(BY_THE_VISIT,),
)
def oxygenation_composite(board: Board) -> Exhibit:
    """The rank-based composite at the primary day, death worst: its parts, and who did better."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    if board.trial.primary is None:
        missing = "The trial definition has no primary day. Add [primary] to it."
        return Exhibit(missing=missing)
    day, rules = board.trial.primary.day, asked(board)
    people = board.ask(
        "oxygenation/composite",
        planned_day=day,
        composite=list(rules.composite),
        rules=rules_of(board),
    )
    ranked = people.filter("is_ranked")
    if ranked.is_empty():
        return Exhibit(missing=f"Nobody can be ranked on day {day} yet.")
    names = rung_names(board)
    counts = people.group_by("arm", "position", "state").agg(
        pl.len().alias("participants"), pl.col("ratio").median().round(0)
    )
    order = {state: place for place, state in enumerate(names)}
    table = counts.sort("position", pl.col("state").replace_strict(order)).with_columns(
        of=pl.col("participants").sum().over("position")
    )
    lists = tuple(_on_rung(board, day, names, row) for row in table.iter_rows(named=True))
    unranked = people.height - ranked.height
    scores = _scores(ranked, rules.composite)
    compared = arms_to_compare(board, {arm: len(values) for arm, values in scores.items()})
    against = board.reference_arm
    pairs = [Ranked(arm, against, scores[arm], scores[against]) for arm in compared]
    shown = table.select(
        "arm",
        pl.col("state").replace_strict(names),
        "participants",
        "of",
        (100 * pl.col("participants") / pl.col("of")).round(1).alias("percent"),
        "ratio",
    )
    if len(board.arms) > 1:
        # Once for each arm, in its first row.
        first = pl.col("arm").is_first_distinct()
        shown = shown.join(wins(pairs), on="arm", how="left", maintain_order="left").with_columns(
            pl.when(first).then(pl.col(name)) for name in WIN_LABELS
        )
    return Exhibit(
        title=f"Rank-based composite on day {day}",
        population=f"{RANDOMIZED}, the worst of what happened ranks",
        answer=" ".join([*(pair.sentence for pair in pairs), _on_day(board, day, people)]),
        denominator=f"n = {ranked.height:,} ranked of N = {people.height:,}",
        numbers=tuple(pair.number for pair in pairs),
        picture=lambda: stacked(
            [(arm, {state: _count(table, arm, state) for state in names}) for arm in board.arms],
            tuple(
                (state, words, RUNG_STYLES.get(state) or _fate_style(state))
                for state, words in names.items()
            ),
            "Participants, the worst left",
        ),
        description="A stacked bar for each arm of this view, the worst left: died, by respiratory "
        "support, by PaO2/FiO2, discharged without oxygen; then who is not ranked, and why.",
        table=shown,
        labels={
            "arm": "Arm",
            "state": f"State on day {day}, the worst first",
            "participants": "n",
            "of": "N",
            "percent": "%",
            "ratio": "Median PaO2/FiO2 of these, mmHg",
        }
        | WIN_LABELS,
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(
            f"From the worst to the best: {', '.join(names[rung] for rung in rules.composite)}. "
            "Within PaO2/FiO2 a higher value is better; all others of one state are tied.",
            f"Of those whose day {day} was reached by the cut-off, who died on it or before counts "
            f"as died. Not ranked: {unranked:,}, who left the study, whose day is not reached, "
            "dead or not, or who have neither a blood gas nor support on record.",
            *((WIN_METHOD,) if pairs else ()),
            *(pair.footnote for pair in pairs),
            *too_few_to_compare(board, compared),
            *_stays_note(board),
        ),
        assumptions=board.trial.assumptions("oxygenation", "primary"),
    )


def _scores(ranked: pl.DataFrame, rungs: Sequence[str]) -> dict[str, list[float]]:
    """A score for each ranked participant of each arm: the place of the rung, from the worst.

    Within PaO2/FiO2 the value decides; it is below 1,000, so that no rung is left by it.
    """
    order = {rung: float(place) for place, rung in enumerate(rungs)}
    score = pl.col("state").replace_strict(order) + pl.col("ratio").fill_null(0) / 1_000
    scored = ranked.select("arm", score=score)
    return {str(arm): part["score"].to_list() for (arm,), part in scored.group_by("arm")}


def _fate_style(state: str) -> State:
    return next(style for name, _, style in FATES if name == state)


def _count(table: pl.DataFrame, arm: str, state: str) -> int:
    found = table.filter((pl.col("arm") == arm) & (pl.col("state") == state))
    return int(found["participants"].sum())


def _on_day(board: Board, day: int, people: pl.DataFrame) -> str:
    """Who died and who is discharged without oxygen, of those ranked."""
    parts = []
    ranked = people.filter("is_ranked")
    for arm in board.arms:
        of_arm = ranked.filter(pl.col("arm") == arm)
        died = of_arm.filter(pl.col("state") == "died").height
        home = of_arm.filter(pl.col("state") == "discharged_without_oxygen").height
        words = f"died {share(died, of_arm.height)}, discharged without oxygen {home:,}"
        parts.append(words if len(board.arms) == 1 else f"{arm}: {words}")
    return (
        f"By day {day}, of {ranked.height:,} whose day {day} is reached and who can be ranked: "
        f"{'; '.join(parts)}."
    )


def _on_rung(board: Board, day: int, names: dict[str, str], row: dict[str, Any]) -> People:
    words = names[row["state"]]
    return People(
        row_name(board, f"{words}, day {day}", row["arm"]),
        "people/on_rung",
        (
            ("planned_day", day),
            ("composite", list(asked(board).composite)),
            ("rules", rules_of(board)),
            ("state", row["state"]),
            ("label", words),
            ("arm", row["arm"]),
        ),
    )


# Values over days


def _course(board: Board, looked: Looked, *notes: str) -> Exhibit:
    """Medians, quartiles, n and support by day, participants' lines behind where they are few."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    asked_with = {"what": looked.what, "days": planned_days(board), "rules": rules_of(board)}
    rows = board.ask("oxygenation/course", **asked_with)
    if rows.is_empty():
        return Exhibit(missing=_no_value(looked))
    total = size_of_all(board)
    lines = None
    if total <= MOST_LINES:
        lines = board.ask("oxygenation/lines", **asked_with).with_columns(
            pl.lit(looked.what).alias("measure")
        )
    lists = tuple(_in_state(board, looked, row, looked.name) for row in rows.iter_rows(named=True))
    name, _, unit = looked.label.partition(", ")
    medians = with_enough(
        rows.with_columns(pl.lit(looked.what).alias("measure")).with_row_index("list"),
        least := board.trial.subgroups.minimum_per_arm,
    )
    behind = " Thin lines are participants." if lines is not None else ""
    return Exhibit(
        population=f"{RANDOMIZED}, with a value on the day",
        answer=_first_and_told(board, medians, name, unit),
        denominator=f"N = {total:,}; n by day in the table",
        picture=(
            lambda: courses(
                board.arms,
                medians,
                [Panel(looked.what, name, unit)],
                lines=lines,
            )
        )
        if medians.height
        else None,
        description="A line of medians over study days and a band of quartiles for each arm of "
        f"this view.{behind}",
        table=rows.select(
            "planned_day",
            "arm",
            "n",
            pl.col("median", "lower_quartile", "upper_quartile").round(1),
            "on_invasive",
            "on_high_flow",
            "on_oxygen",
            "on_none",
        ),
        labels={
            "planned_day": "Study day",
            "arm": "Arm",
            "n": "n",
            "median": f"Median, {unit}",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
            "on_invasive": "Of n: invasive ventilation or ECMO",
            "on_high_flow": "Of n: non-invasive or high flow",
            "on_oxygen": "Of n: cannula or mask",
            "on_none": "Of n: no support recorded",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(*notes, f"Medians of fewer than {least} are in the table only."),
        assumptions=board.trial.assumptions("oxygenation", "schedule"),
    )


def _told_day(board: Board, rows: pl.DataFrame) -> int:
    """The primary day, where there are values; else the last day that has any."""
    days = set(rows["planned_day"])
    primary = board.trial.primary
    return primary.day if primary is not None and primary.day in days else int(max(days))


def _first_and_told(board: Board, medians: pl.DataFrame, name: str, unit: str) -> str:
    """The medians that are drawn of the first day and of the primary one."""
    if medians.is_empty():
        return f"No day has a median: {_too_few(board)} on each."
    days = [int(medians["planned_day"].to_numpy().min()), _told_day(board, medians)]
    parts = [f"on day {day}: {_medians(board, medians, day, unit)}" for day in dict.fromkeys(days)]
    return f"Median {name} {'; '.join(parts)}."


def _too_few(board: Board) -> str:
    return f"fewer than {board.trial.subgroups.minimum_per_arm}"


def _medians(board: Board, rows: pl.DataFrame, day: int, unit: str) -> str:
    """The median and n of each arm on one day, of those medians that are drawn."""
    of_day = rows.filter(pl.col("planned_day") == day)
    found = {row["arm"]: row for row in of_day.iter_rows(named=True)}
    parts = [
        f"{decimal(found[arm]['median'], 0)} {unit} (n = {found[arm]['n']:,})"
        if arm in found
        else _too_few(board)
        for arm in board.arms
    ]
    if len(board.arms) == 1:
        return parts[0]
    return "; ".join(f"{arm} {part}" for arm, part in zip(board.arms, parts, strict=True))


@exhibit(
    page="board-oxygenation",
    tab="Composite and PaO2/FiO2",
    title="PaO2/FiO2 over time",
    needs=("oxygenation",),
    data=("LB",),
    filtered=True,
    method=(ARTERIAL, *COURSE_METHOD),
)
def oxygenation_ratio(board: Board) -> Exhibit:
    """PaO2/FiO2 by planned day: median, quartiles, n, and participants' lines behind."""
    return _course(board, Looked("ratio", RATIO))


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    title="SpO2/FiO2 over time",
    needs=("oxygenation",),
    data=("VS",),
    filtered=True,
    method=COURSE_METHOD,
)
def saturation_ratio(board: Board) -> Exhibit:
    """SpO2/FiO2 by planned day: median, quartiles and n."""
    most = asked(board).saturation_at_most
    return _course(
        board,
        Looked("saturation_ratio", "SpO2/FiO2, %"),
        f"SpO2 in percent over FiO2 from 0.21 to 1, both of the same visit. A saturation above "
        f"{most:g} % is not used, as it says nothing of oxygenation there; nor is one without a "
        "setting of FiO2. A measure of its own, never mixed with PaO2/FiO2.",
    )


# States over days


def _no_value(looked: Looked) -> str:
    return f"Nobody has a usable {looked.name} on a planned day."


def _states(board: Board, looked: Looked) -> tuple[Exhibit | None, pl.DataFrame]:
    """What became of everybody on each planned day: an exhibit in its place, or the rows."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing, pl.DataFrame()
    rows = board.ask(
        "oxygenation/states",
        what=looked.what,
        bands=bound(looked.bands),
        days=planned_days(board),
        rules=rules_of(board),
        least_peep=asked(board).berlin_peep,
    )
    fates = {name for name, _, _ in FATES}
    if rows.filter(~pl.col("state").is_in(fates)).is_empty():
        return Exhibit(missing=_no_value(looked)), rows
    return None, rows


def _state_styles(looked: Looked) -> list[tuple[str, str, State]]:
    """Each band and what else may have become of people: discharge is best, then the bands."""
    colors = shades(len(looked.bands))
    known = [
        (band.name, band.name, shade) for band, shade in zip(looked.bands, colors, strict=True)
    ]
    state, _, style = FATES[0]
    return [(state, looked.discharged, style), *known, *FATES[1:]]


def _stacked(board: Board, looked: Looked, rows: pl.DataFrame) -> Exhibit:
    """Stacked shares by day and arm that add up to everybody."""
    styles = _state_styles(looked)
    words = {state: name for state, name, _ in styles}
    order = {state: place for place, state in enumerate(words)}
    rows = rows.sort(
        "planned_day", "position", pl.col("state").replace_strict(order), maintain_order=True
    )
    lists = tuple(
        _in_state(board, looked, row, words[row["state"]]) for row in rows.iter_rows(named=True)
    )
    table = rows.with_columns(
        of=pl.col("participants").sum().over("planned_day", "position"),
        state=pl.col("state").replace_strict(words),
    ).with_columns(percent=(100 * pl.col("participants") / pl.col("of")).round(1))
    return Exhibit(
        population=RANDOMIZED,
        answer=_last_day(board, rows, looked),
        denominator=f"N = {size_of_all(board):,} on every day",
        picture=lambda: stacked_days(
            board.arms,
            rows.with_columns(
                pl.lit(looked.what).alias("measure"), pl.Series("list", range(rows.height))
            ),
            styles,
            {looked.what: ""},
        ),
        description="A stacked bar for each study day and arm of this view, in percent of all "
        "participants: bands of the value, discharged, missing, left the study, died, and whose "
        "day is not reached.",
        table=table.select("planned_day", "arm", "state", "participants", "of", "percent"),
        labels={
            "planned_day": "Study day",
            "arm": "Arm",
            "state": "State",
            "participants": "n",
            "of": "N",
            "percent": "%",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(*_stays_note(board),),
        assumptions=board.trial.assumptions("oxygenation", "schedule"),
    )


def _last_day(board: Board, rows: pl.DataFrame, looked: Looked) -> str:
    """What became of those who reached the primary day, or the last day where there is none."""
    day = _told_day(board, rows)
    known = [band.name for band in looked.bands]
    parts = []
    for position, arm in enumerate(board.arms, start=1):
        of_arm = rows.filter((pl.col("planned_day") == day) & (pl.col("position") == position))
        counts = dict(of_arm.select("state", "participants").rows())
        reached = sum(counts.values()) - counts.get("to_come", 0)
        valued = sum(counts.get(name, 0) for name in known)
        told = f" ({counts.get(looked.told, 0):,} of them {looked.told})" if looked.told else ""
        words = (
            f"{share(valued, reached)} {looked.has}{told}, {counts.get('discharged', 0):,} "
            f"are discharged without, {counts.get('died', 0):,} died, "
            f"{counts.get('missing', 0):,} missing"
        )
        parts.append(words if len(board.arms) == 1 else f"{arm}: {words}")
    return f"Of those who reached day {day}: {'; '.join(parts)}."


@exhibit(
    page="board-oxygenation",
    tab="Composite and PaO2/FiO2",
    title="Bands of PaO2/FiO2",
    needs=("oxygenation",),
    data=("LB",),
    filtered=True,
    method=(ARTERIAL, *STATES_METHOD),
)
def oxygenation_bands(board: Board) -> Exhibit:
    """Bands of PaO2/FiO2 by planned day, with death, discharge and missing, so that all add up."""
    rules = board.trial.oxygenation
    bands = rules.bands if rules is not None else ()
    looked = Looked(
        "ratio",
        RATIO,
        bands,
        has="have a blood gas",
        discharged="Discharged, no gas",
    )
    nothing, rows = _states(board, looked)
    if nothing is not None:
        return nothing
    shown = _stacked(board, looked, rows)
    berlin = {band.name: band.berlin for band in bands if band.berlin}
    if not berlin:
        return shown
    least = asked(board).berlin_peep
    assert shown.table is not None
    with_peep = shown.table.join(
        rows.select("planned_day", "arm", "state", "with_peep"),
        on=["planned_day", "arm", "state"],
        how="left",
        maintain_order="left",
    )
    return replace(
        shown,
        table=with_peep.with_columns(
            pl.when(pl.col("state").is_in(list(berlin))).then("with_peep").alias("with_peep"),
            pl.col("state")
            .replace_strict(berlin, default=None, return_dtype=pl.String)
            .alias("berlin"),
        ),
        labels=shown.labels
        | {
            "with_peep": f"Of n: PEEP or CPAP of {least:g} cmH2O and more recorded",
            "berlin": "Berlin name of these",
        },
        footnotes=(
            *shown.footnotes,
            f"{', '.join(f'{name} ({band})' for band, name in berlin.items())}: names of the "
            "Berlin definition (2012). They hold for those with PEEP or CPAP of at least "
            f"{least:g} cmH2O recorded at the visit; the others of a band are not classifiable.",
        ),
    )


def support_bands(board: Board) -> list[Band]:
    """The ranks of respiratory support, the least first, under the names of their classes."""
    of_rank: dict[int, list[str]] = {}
    for item in board.trial.open.procedure_classes:
        if item.support is not None:
            of_rank.setdefault(item.support, []).append(item.name)
    found = [Band(name="No support recorded", at_most=0)]
    for rank, names in sorted(of_rank.items()):
        said = " or ".join([names[0], *(name.lower() for name in names[1:])])
        found.append(Band(name=said, at_least=rank, at_most=rank))
    return found


@exhibit(
    page="board-oxygenation",
    tab="Support and scale",
    title="Respiratory support",
    needs=("oxygenation",),
    data=("PR",),
    filtered=True,
    method=(
        "The highest support of the calendar day, from the start and end of each; one without an "
        "end goes on. In hospital without any on record: no support recorded. Support after "
        "discharge counts as support.",
        *STATES_METHOD,
    ),
)
def respiratory_support(board: Board) -> Exhibit:
    """The highest respiratory support by planned day, with death, discharge and missing."""
    looked = Looked(
        "support",
        "rank of support",
        support_bands(board),
        has="are in hospital or on support",
        discharged="Discharged, no support on record",
    )
    nothing, rows = _states(board, looked)
    if nothing is not None:
        return nothing
    return _stacked(board, looked, rows)


@exhibit(
    page="board-oxygenation",
    tab="Support and scale",
    title="WHO clinical progression scale",
    needs=("oxygenation",),
    data=("RS",),
    filtered=True,
    method=(
        "The scale of 0 to 10 (WHO Working Group 2020) as recorded; one of 0 to 8 is not used. "
        "Death, 10, is taken from the records of death.",
        *STATES_METHOD,
    ),
)
def who_scale(board: Board) -> Exhibit:
    """The WHO clinical progression scale by planned day, with death, discharge and missing."""
    rules = board.trial.oxygenation
    bands = rules.scale_bands if rules is not None else ()
    looked = Looked(
        "scale",
        "score of the scale",
        bands,
        has="have a score",
        discharged="Discharged, no score",
        told=bands[0].name if bands else "",
    )
    nothing, rows = _states(board, looked)
    if nothing is not None:
        return nothing
    return _compared_on_scale(board, _stacked(board, looked, rows), rows, bands)


def _compared_on_scale(
    board: Board, shown: Exhibit, rows: pl.DataFrame, bands: Sequence[Band]
) -> Exhibit:
    """The scale with its arms compared on the primary day, or the last that anybody reached."""
    day = _told_day(board, rows)
    # The worst first. Who is discharged without a score is where the best of the scale are.
    states = ["died", *(band.name for band in reversed(bands))]
    counts = {arm: [0] * len(states) for arm in board.arms}
    of_day = rows.filter(pl.col("planned_day") == day)
    for arm, state, people in of_day.select("arm", "state", "participants").iter_rows():
        where = bands[0].name if state == "discharged" else state
        if where in states:
            counts[arm][states.index(where)] += people
    compared = arms_to_compare(board, {arm: sum(of_arm) for arm, of_arm in counts.items()})
    if not compared:
        return replace(shown, footnotes=(*too_few_to_compare(board, compared), *shown.footnotes))
    numbers, sentences, notes = [], [], []
    reference = board.reference_arm
    for arm in compared:
        odds = proportional_odds(counts[arm], counts[reference])
        ranked = Ranked(arm, reference, *(_places(counts[one]) for one in (arm, reference)))
        label = f"Odds ratio for a better score on day {day}, {arm} to {reference}"
        value = "–" if odds.estimate is None else f"{odds.estimate:.2f}"
        numbers += [Number(label, value, f"{_odds_limits(odds)}; 1 is no difference")]
        numbers += [ranked.number]
        sentences.append(ranked.sentence)
        notes += [_odds_note(arm, reference, odds), ranked.footnote]
    return replace(
        shown,
        answer=" ".join([*sentences, shown.answer]),
        numbers=tuple(numbers),
        footnotes=(
            *shown.footnotes,
            f"Compared on day {day}: who has a score, died, or is discharged without a score, who "
            f"counts as {bands[0].name}; the others are left out. Common odds ratio of the "
            "cumulative logit model with profile-likelihood limits (McCullagh 1980).",
            WIN_METHOD,
            *notes,
            *too_few_to_compare(board, compared),
        ),
    )


def _places(counts: Sequence[int]) -> list[float]:
    """A score for each of the participants that are counted, the place of their category."""
    return [float(place) for place, count in enumerate(counts) for _ in range(count)]


def _odds_limits(odds: CommonOddsRatio) -> str:
    return odds.reason.rstrip(".") if odds.reason else in_limits(odds.low, odds.high, 2)


def _odds_note(arm: str, reference: str, odds: CommonOddsRatio) -> str:
    """What the tests of the odds ratio say, which come second."""
    pair = f"{arm} and {reference}"
    if odds.p_value is None:
        return f"{pair}: no odds ratio. {odds.reason}"
    note = f"{pair}: likelihood ratio test of the odds ratio, p = {p_value(odds.p_value)}"
    if odds.proportionality_p_value is None:
        return f"{note}."
    return (
        f"{note}. Test that one odds ratio fits every cut of the scale: p = "
        f"{p_value(odds.proportionality_p_value)}; below 0.05 it would mislead."
    )


# Measured values


NO_TREATMENT_EFFECT = (
    "Among participants with a blood gas: not a treatment effect if missingness differs. Death, "
    "extubation and recovery all stop the blood gases; look at why they are missing, by arm."
)


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    needs=("oxygenation",),
    data=("LB",),
    filtered=True,
    title="Change of PaO2/FiO2 from baseline",
    method=(
        NO_TREATMENT_EFFECT,
        "Baseline is the last usable blood gas on or before the day of randomization.",
        WHO_IS_DEAD,
        ARTERIAL,
        BY_THE_VISIT,
    ),
)
def oxygenation_change(board: Board) -> Exhibit:
    """Change of PaO2/FiO2 from baseline among participants with a gas, and why others have none."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    rows = board.ask("oxygenation/changes", days=planned_days(board), rules=rules_of(board))
    if rows.is_empty():
        return Exhibit(missing="The schedule has no day after day 1.")
    fates = [name for name, _, _ in FATES]
    change = pl.col("value") - pl.col("baseline")
    by_day = (
        rows.with_columns(change=change)
        .group_by("planned_day", "arm", "position")
        .agg(
            pl.col("change").count().alias("n"),
            pl.col("change").mean().alias("mean"),
            pl.col("change").std().alias("deviation"),
            pl.col("change").median().alias("median"),
            pl.col("change").quantile(0.25, "linear").alias("lower_quartile"),
            pl.col("change").quantile(0.75, "linear").alias("upper_quartile"),
            (pl.col("value").is_not_null() & pl.col("baseline").is_null())
            .sum()
            .alias("no_baseline"),
            *(
                (pl.col("value").is_null() & (pl.col("state") == name)).sum().alias(name)
                for name in fates
            ),
        )
        .sort("planned_day", "position")
    )
    drawn = by_day.filter(pl.col("n") > 0).with_columns(pl.lit("change").alias("measure"))
    if drawn.is_empty():
        missing = "Nobody has PaO2/FiO2 both at baseline and after it."
        return Exhibit(missing=missing)
    enough = with_enough(drawn, least := board.trial.subgroups.minimum_per_arm)
    reasons = {name: words for name, words, _ in FATES}
    return Exhibit(
        population=f"{RANDOMIZED}, with a blood gas at baseline and on the day",
        answer=_median_change(board, enough),
        denominator=f"N = {size_of_all(board):,}; n by day in the table",
        picture=(
            lambda: courses(
                board.arms,
                enough,
                [Panel("change", "Change of PaO2/FiO2", "mmHg")],
                reference=0.0,
            )
        )
        if enough.height
        else None,
        description="A line of medians of the change over study days and a band of quartiles for "
        "each arm of this view; dotted: no change.",
        table=by_day.drop("position").with_columns(
            pl.col("mean", "deviation", "median", "lower_quartile", "upper_quartile").round(1)
        ),
        labels={
            "planned_day": "Study day",
            "arm": "Arm",
            "n": "n with both",
            "mean": "Mean change, mmHg",
            "deviation": "Standard deviation",
            "median": "Median",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
            "no_baseline": "No baseline",
        }
        | {name: f"No gas: {words[0].lower()}{words[1:]}" for name, words in reasons.items()},
        footnotes=(
            f"Medians of fewer than {least} are in the table only.",
            *_stays_note(board),
        ),
        assumptions=board.trial.assumptions("oxygenation", "schedule", "primary"),
    )


def _median_change(board: Board, medians: pl.DataFrame) -> str:
    """The medians of the change that are drawn on the primary day."""
    if medians.is_empty():
        return f"No day has a median: {_too_few(board)} on each."
    day = _told_day(board, medians)
    of_day = medians.filter(pl.col("planned_day") == day)
    found = {row["arm"]: row for row in of_day.iter_rows(named=True)}
    parts = [
        ("" if len(board.arms) == 1 else f"{arm} ")
        + (
            f"{signed(found[arm]['median'], 0)} mmHg (n = {found[arm]['n']:,})"
            if arm in found
            else _too_few(board)
        )
        for arm in board.arms
    ]
    return (
        f"Median change by day {day}: {'; '.join(parts)}. Not a treatment effect if missingness "
        "differs."
    )


# Around doses


@exhibit(
    page="board-oxygenation",
    tab="Measured values",
    needs=("oxygenation",),
    data=("LB",),
    least_view=View.UNBLINDED,
    filtered=True,
    population="Participants who were given the dose",
    title="PaO2/FiO2 around each dose",
    method=(
        "Descriptive: there is no dose in the control arm to align with, and who gets a later "
        "dose is alive and well enough for it.",
        "Day 0 is the first 24 hours after the dose, day -1 the 24 hours before it; without "
        "clock times the difference of the dates. Of several blood gases of one participant "
        "on one day their mean, drawn at its middle. Those outside the schedule are among "
        "them. One between two doses counts for both.",
        "PaO2 and FiO2 of one minute and visit, arterial, with a ratio of 20 to 700 mmHg.",
    ),
)
def oxygenation_around_doses(board: Board) -> Exhibit:
    """PaO2/FiO2 in the days before and after each dose, by the clock where it is known."""
    if (nothing := nobody_to_show(board)) is not None:
        return nothing
    around = asked(board).around_dose_days
    found = board.ask("oxygenation/around_doses", around=around)
    told = (
        found.drop_nulls("day")
        .group_by("dose", "line", "arm", "position", "day")
        .agg(pl.col("value").mean())
    )
    if told.is_empty():
        return Exhibit(
            missing="No dose has a usable blood gas around it. Doses are in EX or EC, gases in LB.",
        )
    rows = (
        told.group_by("dose", "arm", "position", "day")
        .agg(
            pl.len().alias("n"),
            pl.col("value").median().alias("median"),
            pl.col("value").quantile(0.25, "linear").alias("lower_quartile"),
            pl.col("value").quantile(0.75, "linear").alias("upper_quartile"),
        )
        .sort("dose", "day", "position")
        .with_columns(_dose_name(), planned_day=pl.col("day") + 0.5)
    )
    doses = rows.select("measure", "dose").unique(maintain_order=True)
    lists = tuple(
        People(
            row_name(board, f"Dose {row['dose']} given", row["arm"]),
            "people/around_dose",
            (("dose", row["dose"]), ("arm", row["arm"])),
        )
        for row in rows.iter_rows(named=True)
    )
    lines = found.with_columns(
        _dose_name(),
        planned_day=pl.coalesce(pl.col("hours") / 24, pl.col("day").cast(pl.Float64)),
    ).drop_nulls("planned_day")
    few = found["line"].n_unique() <= MOST_LINES
    left_out = found["day"].null_count()
    last = rows.filter(pl.col("dose") == rows["dose"].max())
    before, after = (last.filter(pl.col("day") == day) for day in (-1, 0))
    return Exhibit(
        answer=f"Dose {last['dose'][0]}: median in the 24 hours before it "
        f"{_over_arms(before)}, in the 24 hours after it {_over_arms(after)} mmHg.",
        denominator=f"{found['line'].n_unique():,} participants with a blood gas around a dose",
        picture=lambda: courses(
            board.arms,
            rows.with_row_index("list"),
            [Panel(name, f"{name}: PaO2/FiO2", "mmHg") for name in doses["measure"]],
            lines=lines if few else None,
            x_title="Days from the dose",
        ),
        description="A panel for each dose with a line of medians and a band of quartiles over the "
        "days before and after it; thin lines are participants.",
        table=rows.select(
            "dose",
            "day",
            "arm",
            "n",
            pl.col("median", "lower_quartile", "upper_quartile").round(1),
        ),
        labels={
            "dose": "Dose",
            "day": "Day from the dose",
            "arm": "Arm",
            "n": "n",
            "median": "Median, mmHg",
            "lower_quartile": "Lower quartile",
            "upper_quartile": "Upper quartile",
        },
        lists=lists,
        row_lists=tuple(range(len(lists))),
        footnotes=(f"Left out, as the order on the dose's date is not known: {left_out:,}.",),
        assumptions=board.trial.assumptions("oxygenation", "dosing"),
    )


def _dose_name() -> pl.Expr:
    return pl.format("Dose {}", "dose").alias("measure")


def _over_arms(rows: pl.DataFrame) -> str:
    """The medians of one day; a dash where there is none."""
    parts = [
        f"{decimal(row['median'], 0)} (n = {row['n']:,})" for row in rows.iter_rows(named=True)
    ]
    return " / ".join(parts) or "–"

"""What became of everybody on each planned day, so that all add up."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from estimators.ordinal import CommonOddsRatio, proportional_odds
from exhibits.exhibit import RANDOMIZED, Exhibit, Number, exhibit
from exhibits.oxygenation.day_values import (
    ARTERIAL,
    RATIO,
    STATES_METHOD,
    Looked,
    asked,
    bound,
    in_state,
    no_value,
    rules_of,
    stays_note,
    support_bands,
    told_day,
)
from exhibits.parts.comparison import arms_to_compare, in_limits, too_few_to_compare
from exhibits.parts.populations import nobody_to_show, size_of_all
from exhibits.parts.ranks import WIN_METHOD, Ranked
from exhibits.parts.stacked_bars import FATES, shades, stacked_days
from exhibits.parts.theme import State
from exhibits.parts.words import p_value, share
from queries import Board
from queries.bound import planned_days
from trials.definition import Band


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
        return Exhibit(missing=no_value(looked)), rows
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
        in_state(board, looked, row, words[row["state"]]) for row in rows.iter_rows(named=True)
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
        footnotes=(*stays_note(board),),
        assumptions=board.trial.assumptions("oxygenation", "schedule"),
    )


def _last_day(board: Board, rows: pl.DataFrame, looked: Looked) -> str:
    """What became of those who reached the primary day, or the last day where there is none."""
    day = told_day(board, rows)
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
    day = told_day(board, rows)
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

"""What became of everybody on each planned day, so that all add up."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from estimators.ordinal import CommonOddsRatio, proportional_odds
from exhibits.exhibit import DEATHS, Estimand, Exhibit, Number, exhibit
from exhibits.oxygenation.day_values import (
    ARTERIAL,
    BY_THE_VISIT,
    RATIO,
    WHO_IS_DEAD,
    DayValue,
    definition,
    in_state,
    main_day,
    stays_note,
    support_bands,
)
from exhibits.parts.comparison import in_limits, share_of_arm, too_few_note, with_percent
from exhibits.parts.populations import by_arm, earliest_deaths, size_of_all
from exhibits.parts.ranks import rank_notes, ranked
from exhibits.parts.stacked_bars import FATES, shades, stacked_days, state_counts
from exhibits.parts.strata import strata_by_arm
from exhibits.parts.words import NOT_ADJUSTED, decimal, p_value
from queries import Board
from queries.bound import bands, planned_days
from trials import Band

STATES_METHOD = (
    WHO_IS_DEAD,
    "Each day adds up to all participants. Day not reached: its date is after the data cut-off, "
    "dead or not; of these deaths would count, but not lives.",
    BY_THE_VISIT,
)


def _stacked(board: Board, value: DayValue) -> tuple[Exhibit, pl.DataFrame]:
    """Stacked shares by day and arm that add up to everybody, and the rows behind them."""
    rows = board.ask(
        "oxygenation/states",
        what=value.what,
        bands=bands(value.bands),
        days=planned_days(board.trial),
        least_peep=definition(board).berlin_peep,
    )
    if set(rows["state"]) <= {name for name, _, _ in FATES}:
        return Exhibit(missing=value.nobody_has_it), rows
    # Discharge is best, then the bands.
    discharged, _, style = FATES[0]
    styles = [
        (discharged, value.discharged, style),
        *(
            (band.name, band.name, shade)
            for band, shade in zip(value.bands, shades(len(value.bands)), strict=True)
        ),
        *FATES[1:],
    ]
    words = {state: name for state, name, _ in styles}
    order = {state: place for place, state in enumerate(words)}
    rows = rows.sort(
        "planned_day", "position", pl.col("state").replace_strict(order), maintain_order=True
    ).with_columns(of=pl.col("participants").sum().over("planned_day", "position"))
    rows = with_percent(board, rows, "participants", "of")
    bars = (
        rows.with_row_index("list")
        .with_columns(pl.lit(value.what).alias("measure"))
        .drop_nulls("percent")
    )
    return Exhibit(
        answer=_on_main_day(board, rows, value),
        denominator=f"N = {size_of_all(board):,} on every day",
        picture=(lambda: stacked_days(board.arms, bars, styles, {value.what: ""}))
        if bars.height
        else None,
        description="A stacked bar for each study day and arm of this view, in percent of all "
        "participants: bands of the value, discharged, missing, left the study, died, and whose "
        "day is not reached.",
        table=rows.select(
            "planned_day",
            "arm",
            pl.col("state").replace_strict(words),
            "participants",
            "of",
            "percent",
        ),
        labels={"participants": "n"},
        lists=tuple(
            in_state(board, value, row, words[row["state"]]) for row in rows.iter_rows(named=True)
        ),
        footnotes=(
            *stays_note(board),
            *earliest_deaths(board),
            *too_few_note(board, rows["of"]),
        ),
        assumptions=board.trial.assumptions("oxygenation", "schedule"),
    ), rows


def _on_main_day(board: Board, rows: pl.DataFrame, value: DayValue) -> str:
    """What became of those who reached the primary day, or the last day where there is none."""
    day = main_day(board, rows["planned_day"])
    with_value = [band.name for band in value.bands]
    states = (*with_value, *(name for name, _, _ in FATES))
    of_day = state_counts(board.arms, rows.filter(pl.col("planned_day") == day), states)
    words = {}
    for arm, counts in of_day.items():
        reached = sum(counts.values()) - counts["to_come"]
        have = share_of_arm(board, sum(counts[name] for name in with_value), reached)
        best = f" ({counts[value.best]:,} of them {value.best})" if value.best else ""
        words[arm] = (
            f"{have} {value.has}{best}, {counts['discharged']:,} are discharged without, "
            f"{counts['died']:,} died, {counts['missing']:,} missing"
        )
    return f"Of those who reached day {day}: {by_arm(board, words)}."


@exhibit(
    page="board-oxygenation",
    tab="Composite and PaO2/FiO2",
    title="Bands of PaO2/FiO2",
    needs=("oxygenation",),
    data=("LB", DEATHS),
    filtered=True,
    method=(ARTERIAL, *STATES_METHOD),
)
def oxygenation_bands(board: Board) -> Exhibit:
    """Bands of PaO2/FiO2 by planned day, with death, discharge and missing, so that all add up."""
    rules = definition(board)
    value = DayValue(
        "ratio", RATIO, rules.bands, has="have a blood gas", discharged="Discharged, no gas"
    )
    shown, rows = _stacked(board, value)
    berlin = {band.name: band.berlin for band in rules.bands if band.berlin}
    if shown.table is None or not berlin:
        return shown
    has_name = pl.col("state").is_in(list(berlin))
    names = pl.col("state").replace_strict(berlin, default=None, return_dtype=pl.String)
    return replace(
        shown,
        table=shown.table.with_columns(rows["with_peep"]).with_columns(
            pl.when(has_name).then(pl.col("with_peep")), names.alias("berlin")
        ),
        labels=shown.labels
        | {
            "with_peep": f"Of n: PEEP or CPAP of {rules.berlin_peep:g} cmH2O and more recorded",
            "berlin": "Berlin name of these",
        },
        footnotes=(
            *shown.footnotes,
            f"{', '.join(f'{name} ({band})' for band, name in berlin.items())}: names of the "
            "Berlin definition (2012). They hold for those with PEEP or CPAP of at least "
            f"{rules.berlin_peep:g} cmH2O recorded at the visit; the others of a band are not "
            "classifiable.",
        ),
    )


@exhibit(
    page="board-oxygenation",
    tab="Support and scale",
    title="Respiratory support",
    needs=("oxygenation",),
    data=("PR", DEATHS),
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
    value = DayValue(
        "support",
        "rank of support",
        support_bands(board),
        has="are in hospital or on support",
        discharged="Discharged, no support on record",
    )
    return _stacked(board, value)[0]


@exhibit(
    page="board-oxygenation",
    tab="Support and scale",
    title="WHO clinical progression scale",
    needs=("oxygenation",),
    data=("RS", DEATHS),
    filtered=True,
    method=(
        "The scale of 0 to 10 (WHO Working Group 2020) as recorded; one of 0 to 8 is not used. "
        "Death, 10, is taken from the records of death.",
        *STATES_METHOD,
    ),
    estimand=Estimand(
        endpoint="score of the WHO scale on the day",
        events="death is 10, discharge as scored",
        summary="common odds ratio, win probability",
        population="those with a score or a fate on the day",
    ),
)
def who_scale(board: Board) -> Exhibit:
    """The WHO clinical progression scale by planned day, with death, discharge and missing."""
    scale = definition(board).scale_bands
    value = DayValue(
        "scale",
        "score of the scale",
        scale,
        has="have a score",
        discharged="Discharged, no score",
        best=scale[0].name,
    )
    shown, rows = _stacked(board, value)
    is_alone = len(board.arms) == 1
    return shown if shown.missing or is_alone else _compared_on_scale(board, shown, rows, scale)


def _compared_on_scale(
    board: Board, shown: Exhibit, rows: pl.DataFrame, scale: Sequence[Band]
) -> Exhibit:
    """The scale with its arms compared on the primary day, or the last that anybody reached."""
    day = main_day(board, rows["planned_day"])
    people = board.ask(
        "oxygenation/state_of_day",
        what="scale",
        bands=bands(scale),
        days=planned_days(board.trial),
        planned_day=day,
    )
    # The worst first. Who is discharged without a score is where the best of the scale are.
    states = ["died", *(band.name for band in reversed(scale))]
    places = {state: float(place) for place, state in enumerate(states)}
    places["discharged"] = places[states[-1]]
    scored = people.filter(pl.col("state").is_in(list(places))).with_columns(
        score=pl.col("state").replace_strict(places, return_dtype=pl.Float64)
    )
    scores = {arm: scored.filter(pl.col("arm") == arm)["score"].to_list() for arm in board.arms}
    counts = {
        arm: [of_arm.count(float(place)) for place in range(len(states))]
        for arm, of_arm in scores.items()
    }
    pairs = ranked(board, scores, strata_by_arm(board, scored))
    compared: tuple[str, ...] = ()
    numbers: list[Number] = []
    if pairs:
        compared = (
            f"Compared on day {day}: who has a score, died, or is discharged without a score, who "
            f"counts as {scale[0].name}; the others are left out. Common odds ratio, of all "
            "together, of the cumulative logit model with profile-likelihood limits (McCullagh "
            "1980).",
        )
    for pair in pairs:
        odds = proportional_odds(counts[pair.arm], counts[pair.reference])
        label = f"Odds ratio for a better score on day {day}, {pair.arm} to {pair.reference}"
        limits = odds.reason.rstrip(".") if odds.reason else in_limits(odds.low, odds.high, 2)
        number = Number(label, decimal(odds.estimate, 2), f"{limits}; 1 is no difference")
        numbers += [number, pair.number]
        compared += (_odds_note(pair.arm, pair.reference, odds),)
    notes = (*shown.footnotes, *compared, *rank_notes(board, pairs, scores))
    return replace(
        shown,
        answer=" ".join([*(pair.sentence for pair in pairs), shown.answer]),
        numbers=tuple(numbers),
        # Who has too few is said once.
        footnotes=tuple(dict.fromkeys(notes)),
    )


def _odds_note(arm: str, reference: str, odds: CommonOddsRatio) -> str:
    """What the tests of the odds ratio say, which come second."""
    pair = f"{arm} and {reference}"
    if odds.p_value is None:
        return f"{pair}: no odds ratio. {odds.reason}"
    note = (
        f"{pair}: likelihood ratio test of the odds ratio, {p_value(odds.p_value)}, {NOT_ADJUSTED}"
    )
    if odds.proportionality_p_value is None:
        return f"{note}."
    return (
        f"{note}. Test that one odds ratio fits every cut of the scale: "
        f"{p_value(odds.proportionality_p_value)}; below 0.05 it would mislead."
    )

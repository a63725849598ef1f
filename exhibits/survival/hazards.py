"""How fast the arms die, held against each other, and how probable it is that one has more."""

from typing import Any

import polars as pl

from access.view import View
from estimators.hazards import OF_WEIGHT, harm, hazard_ratio, restricted_mean_difference
from exhibits.exhibit import DEATHS, Estimand, Exhibit, exhibit
from exhibits.parts.comparison import (
    arms_to_compare,
    contrast,
    counts_in_arms,
    in_limits,
    minimum,
    too_few_note,
)
from exhibits.parts.populations import BY_WHICH, earliest_deaths, who_died
from exhibits.parts.strata import strata_by_arm, within
from exhibits.parts.words import NOT_ADJUSTED, decimal, percent, rounded, signed
from exhibits.survival.status import (
    OBSERVED,
    Observed,
    enough_known,
    observed_by_arm,
    observed_rows,
    range_in_words,
    status_by_day,
)
from queries import Board

SCHEMA = {
    "arm": pl.String,
    **dict.fromkeys(
        ("participants", "deaths", "participants_reference", "deaths_reference"), pl.Int64
    ),
    **dict.fromkeys(
        (
            *("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high"),
            *("days", "days_low", "days_high"),
            *("more_deaths_doubt", "more_deaths_no_opinion", "of_weight_doubt"),
        ),
        pl.Float64,
    ),
}


@exhibit(
    page="board-survival",
    title="Deaths of the arms against each other",
    data=(DEATHS,),
    least_view=View.CODED,
    filtered=True,
    by_day=False,
    method=(
        OBSERVED,
        BY_WHICH,
        "Hazard ratio by Cox (1972), ties by Efron (1977); where curves cross it is the ratio at "
        "no time. Days alive: the restricted mean up to the day, area under Kaplan & Meier's curve "
        "(Royston & Parmar 2013). Intervals are "
        f"{NOT_ADJUSTED}.",
        "Probability that an arm has more deaths: from the partial likelihood and what was "
        "believed before. From doubt: 5 % for a hazard that is doubled or halved (Spiegelhalter, "
        "Freedman & Parmar 1994). From no opinion: each ratio alike.",
    ),
    estimand=Estimand(
        endpoint="time to death",
        events="crossing over, rescue and discharge are ignored (treatment policy)",
        summary="hazard ratio, difference of mean days alive",
    ),
)
def deaths_compared(board: Board) -> Exhibit:
    """Hazard ratio, days alive and the probability that one arm has more deaths than another."""
    if len(board.arms) < 2:
        return Exhibit(missing="There is one arm, and nothing to compare it with.")
    day = board.trial.survival.day
    by_day = status_by_day(board, [day])
    if by_day.filter(~enough_known(board)).height:
        return Exhibit(missing=range_in_words(board, by_day, day))
    observed = observed_by_arm(board)
    sizes = {arm: len(times) for arm, (times, _) in observed.items()}
    compared = arms_to_compare(board, sizes)
    if not compared:
        return Exhibit(missing=f"No two arms have {minimum(board)} participants observed.")
    reference = board.reference_arm
    rows, sentences, reasons = [], [], []
    for arm in compared:
        row, said, why = _against(board, observed, arm, day)
        rows.append(row)
        sentences.append(said)
        reasons += why
    return Exhibit(
        answer=" ".join(sentences),
        denominator=f"N = {sum(sizes.values()):,} observed",
        table=pl.DataFrame(rows, schema=SCHEMA),
        labels={
            "participants_reference": f"Participants, {reference}",
            "deaths_reference": f"Deaths, {reference}",
            "hazard_ratio": f"Hazard ratio to {reference}",
            "days": f"Days alive up to day {day}, difference to {reference}",
            "more_deaths_doubt": "Probability of more deaths, from doubt, %",
            "more_deaths_no_opinion": "Probability of more deaths, from no opinion, %",
            "of_weight_doubt": f"Probability of a hazard ratio above {OF_WEIGHT}, from doubt, %",
        },
        lists=tuple(who_died(row["arm"], board) for row in rows),
        footnotes=(*reasons, *earliest_deaths(board), *too_few_note(board, sizes.values())),
        assumptions=board.trial.assumptions("survival", "schedule"),
    )


def _against(
    board: Board, observed: dict[str, Observed], arm: str, day: int
) -> tuple[dict[str, Any], str, list[str]]:
    """An arm's row, its sentence, and what is to be said of its estimates."""
    strata = within(board, strata_by_arm(board, observed_rows(board)), arm)
    reference = board.reference_arm
    mine, theirs = observed[arm], observed[reference]
    ratio = hazard_ratio(mine, theirs, strata=strata.labels)
    means = restricted_mean_difference(mine, theirs, day)
    doubt, open_minded = harm(mine, theirs), harm(mine, theirs, None)
    died, died_reference = (int(dead.sum()) for _, dead in (mine, theirs))
    row: dict[str, Any] = {
        "arm": arm,
        "participants": len(mine[0]),
        "deaths": died,
        "participants_reference": len(theirs[0]),
        "deaths_reference": died_reference,
        "hazard_ratio": _places(ratio.estimate, 2),
        "hazard_ratio_low": _places(ratio.low, 2),
        "hazard_ratio_high": _places(ratio.high, 2),
        "days": _places(means.difference, 1),
        "days_low": _places(means.low, 1),
        "days_high": _places(means.high, 1),
    }
    row |= {
        name: _places(100 * value, 1) if died + died_reference else None
        for name, value in (
            ("more_deaths_doubt", doubt.above_one),
            ("more_deaths_no_opinion", open_minded.above_one),
            ("of_weight_doubt", doubt.of_weight),
        )
    }
    arms = sorted(
        (
            {"arm": arm, "participants": died, "of": len(mine[0])},
            {"arm": reference, "participants": died_reference, "of": len(theirs[0])},
        ),
        key=lambda one: board.arms.index(str(one["arm"])),
    )
    parts = [f"Died: {counts_in_arms(arms, 'of')}; {contrast(board, arm)}:"]
    if ratio.estimate is None:
        parts.append("no hazard ratio,")
    else:
        limits = in_limits(row["hazard_ratio_low"], row["hazard_ratio_high"], 2)
        parts.append(f"hazard ratio {decimal(row['hazard_ratio'], 2)} ({limits}),")
    if means.difference is None:
        parts.append(f"no mean of days alive up to day {day}.")
    else:
        limits = in_limits(row["days_low"], row["days_high"], 1)
        parts.append(f"{signed(row['days'])} days alive up to day {day} ({limits}).")
    if died + died_reference:
        more, first, second = max(
            (arm, doubt.above_one, open_minded.above_one),
            (reference, 1.0 - doubt.above_one, 1.0 - open_minded.above_one),
            key=lambda one: one[1],
        )
        parts.append(
            f"That {more} has more deaths is {percent(first)} probable from doubt, "
            f"{percent(second)} from no opinion."
        )
    reasons = [f"Hazard ratio: {strata.note}"] if strata.note else []
    reasons += [
        f"{arm}: {what}. {item.reason}"
        for what, item in (("no hazard ratio", ratio), ("no mean of days alive", means))
        if item.reason is not None
    ]
    return row, " ".join(parts), reasons


def _places(value: float | None, places: int) -> float | None:
    return None if value is None else rounded(value, places)

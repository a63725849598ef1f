"""Who is estimated, who is compared, and how far apart arms are: the one place for both.

The minimum (`subgroups.minimum_per_arm` of the trial definition) has one meaning. An arm with fewer
participants in the denominator of an estimate has counts and no estimate; two arms are compared
where both have the minimum; the other arms of a trial with three are not affected. Pooled,
everybody is one arm. A median is an estimate.

Tables have one row an arm (and a key: a term, a day, a group). An estimate `x` has its limits in
`x_low` and `x_high`, 95 % all of them, rounded once, here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from estimators.proportions import clopper_pearson, miettinen_nurminen
from estimators.rates import garwood, rate_difference
from estimators.recurrent import (
    RobustRate,
    Sums,
    rate_of_sums,
    robust_rate,
    robust_rate_difference,
)
from exhibits.parts.words import decimal, number, rounded_column, share, signed
from queries import Board

SHARE_PLACES, RATE_PLACES = 1, 2
TOO_FEW = "Too few for estimates."


# Who is estimated, and who is compared


def minimum(board: Board) -> int:
    """From how many participants on an arm has estimates."""
    return board.trial.subgroups.minimum_per_arm


def has_enough(board: Board, participants: int | None) -> bool:
    """Whether so many participants are enough for an estimate."""
    return participants is not None and participants >= minimum(board)


def where_enough(board: Board, of: str, *estimates: str) -> list[pl.Expr]:
    """Columns of estimates, null in rows with fewer than the minimum in the column `of`."""
    enough = pl.col(of) >= minimum(board)
    return [pl.when(enough).then(pl.col(name)).alias(name) for name in estimates]


def arms_to_compare(board: Board, sizes: Mapping[str, int]) -> list[str]:
    """The arms that are compared with the reference arm: both have the minimum.

    Args:
        board: of any view; with one arm there is nobody to compare with.
        sizes: participants of each arm in the denominator of what is compared.
    """
    enough = [arm for arm in board.arms if has_enough(board, sizes.get(arm, 0))]
    return [arm for arm in enough if arm != board.reference_arm and board.reference_arm in enough]


def too_few_note(board: Board, sizes: Iterable[int | None]) -> tuple[str, ...]:
    """A footnote where an arm, or a row of it, has fewer participants than the minimum."""
    if all(has_enough(board, size) for size in sizes):
        return ()
    return (
        f"An arm with fewer than {minimum(board)} evaluable participants has counts and no "
        "estimate" + (", and is not compared." if len(board.arms) > 1 else "."),
    )


# Estimates of tables


def with_share(
    board: Board,
    rows: pl.DataFrame,
    *,
    events: str = "participants",
    of: str = "randomized",
    name: str = "percent",
) -> pl.DataFrame:
    """The rows with a share in percent and its exact limits, by Clopper & Pearson.

    Args:
        rows: with the columns `events`, participants with the event, and `of`, all of the arm.
            Either may be null where a limited role does not see it.
        name: of the new column; its limits are `name_low` and `name_high`. Null where `of` is under
            the minimum, or a count is.
    """
    shown = (rows[of] >= minimum(board)) & rows[events].is_not_null()
    estimate = clopper_pearson(_counts(rows[events], shown), _counts(rows[of], shown))
    values = (100 * part for part in (estimate.estimate, estimate.low, estimate.high))
    return rows.with_columns(_estimates(name, values, shown, SHARE_PLACES))


def with_percent(
    board: Board | None, rows: pl.DataFrame, count: str, of: str, name: str = "percent"
) -> pl.DataFrame:
    """The rows with a share in percent alone; null where `of` is under the minimum.

    Without a Board there is no minimum: how much of the data is there is no estimate.
    """
    share_of_all = 100 * rows[count] / rows[of].replace(0, None)
    rounded_share = rounded_column(share_of_all.cast(pl.Float64), SHARE_PLACES)
    rows = rows.with_columns(rounded_share.alias(name))
    return rows if board is None else rows.with_columns(where_enough(board, of, name))


def with_rate(
    board: Board,
    rows: pl.DataFrame,
    sums: pl.DataFrame | None,
    *,
    by: Sequence[str] = (),
    events: str = "events",
    days: str = "observed_days",
    of: str = "randomized",
    name: str = "rate",
) -> pl.DataFrame:
    """The rows with all events per 100 patient-days, and limits whose error is by participant.

    With several arms also `name_difference`, to the reference arm, and its limits.

    Args:
        rows: with the columns `arm`, `events`, `days`, patient-days observed, and `of`, the
            participants who were observed; one row an arm for each value of `by`.
        sums: one row an arm and value of `by`: over those observed, see `sums_of` in
            `queries/views/safety`. Without it, as for a limited role, there are rates alone.
        by: the columns that say what is counted: a kind, a group, a week.
        name: of the new column; its limits are `name_low` and `name_high`. Null where `of` is under
            the minimum, nobody was observed for a day, or a count is null; limits also where
            participants do not differ, as where nobody has an event.
    """
    shown = (rows[of] >= minimum(board)) & (rows[days] > 0) & rows[events].is_not_null()
    shown = shown.fill_null(value=False)
    count, time = _counts(rows[events], shown), _counts(rows[days], shown)
    rates = 100 * count / np.maximum(time, 1)
    if sums is None:
        return rows.with_columns(_estimates(name, (rates,), shown, RATE_PLACES))
    found = {
        key: _rate_of(row)
        for key, row in zip(sums.select("arm", *by).rows(), sums.iter_rows(named=True), strict=True)
    }
    keys = rows.select("arm", *by).rows()
    own = [found.get(key, _NO_RATE) for key in keys]
    limits = (np.array([getattr(rate, end) for rate in own]) for end in ("low", "high"))
    columns = _estimates(name, (rates, *limits), shown, RATE_PLACES)
    if len(board.arms) > 1:
        reference = [(board.reference_arm, *key[1:]) for key in keys]
        are_shown = dict(zip(keys, shown, strict=True))
        compared = [
            key != other and are_shown[key] and are_shown.get(other, False)
            for key, other in zip(keys, reference, strict=True)
        ]
        apart = [
            robust_rate_difference(rate, found.get(other, _NO_RATE))
            for rate, other in zip(own, reference, strict=True)
        ]
        values = (
            np.array([float(getattr(one, end)) for one in apart])
            for end in ("estimate", "low", "high")
        )
        columns += _estimates(
            f"{name}_difference", values, pl.Series(compared, dtype=pl.Boolean), RATE_PLACES
        )
    return rows.with_columns(columns)


_NO_RATE = robust_rate([], [])


def _rate_of(row: Mapping[str, Any]) -> RobustRate:
    """Of sums over participants the rate per 100 patient-days."""
    return rate_of_sums(
        Sums(
            participants=row["participants"],
            events=row["events"],
            exposure=row["days"] / 100,
            events_squared=row["events_squared"],
            products=row["products"] / 100,
            exposure_squared=row["days_squared"] / 100**2,
        )
    )


def with_first_rate(
    board: Board,
    rows: pl.DataFrame,
    *,
    by: Sequence[str] = (),
    events: str = "first_events",
    days: str = "first_days",
    of: str = "participants",
    name: str = "rate",
) -> pl.DataFrame:
    """The rows with first events per 100 patient-days until them, with Poisson limits by Garwood.

    With several arms also `name_difference`, to the reference arm, and its limits.

    Args:
        rows: with the columns `arm`, `events`, participants with a first event, `days`, those of
            all until it, and `of`, the participants; one row an arm for each value of `by`.
        by: the columns that say what is counted.
        name: of the new column; its limits are `name_low` and `name_high`. Null where `of` is under
            the minimum, or nobody was observed for a day.
    """
    shown = ((rows[of] >= minimum(board)) & (rows[days] > 0)).fill_null(value=False)
    estimate = garwood(_counts(rows[events], shown), _counts(rows[days], shown) / 100)
    values = (estimate.estimate, estimate.low, estimate.high)
    columns = _estimates(name, values, shown, RATE_PLACES)
    if len(board.arms) > 1:
        both, compared = _beside_reference(board, rows, by, events, of, days)
        mine, time, theirs, reference_time = (
            _counts(both[column], compared) for column in (events, days, "_events", f"_{days}")
        )
        apart = rate_difference(mine, time / 100, theirs, reference_time / 100)
        columns += _estimates(
            f"{name}_difference",
            (apart.estimate, apart.low, apart.high),
            compared,
            RATE_PLACES,
        )
    return rows.with_columns(columns)


def with_difference(
    board: Board,
    rows: pl.DataFrame,
    *,
    by: Sequence[str] = (),
    events: str = "participants",
    of: str = "randomized",
    name: str = "difference",
) -> pl.DataFrame:
    """The rows with the arm's share less that of the reference arm, in percentage points.

    With limits by Miettinen & Nurminen (1985). The rows as they are where the view has one arm.

    Args:
        rows: with the columns `arm`, `events` and `of`; one row an arm for each value of `by`.
        by: the columns that say what is compared: a term, a group, a day.
        name: of the new column; its limits are `name_low` and `name_high`. Null in rows of the
            reference arm, and where either arm has fewer than the minimum.
    """
    if len(board.arms) < 2:
        return rows
    both, compared = _beside_reference(board, rows, by, events, of)
    mine, size, theirs, reference_size = (
        _counts(both[column], compared) for column in (events, of, "_events", "_of")
    )
    estimate = miettinen_nurminen(mine, size, theirs, reference_size)
    values = (100 * part for part in (estimate.estimate, estimate.low, estimate.high))
    return rows.with_columns(_estimates(name, values, compared, SHARE_PLACES))


def _beside_reference(
    board: Board, rows: pl.DataFrame, by: Sequence[str], events: str, of: str, *others: str
) -> tuple[pl.DataFrame, pl.Series]:
    """The rows with `_events`, `_of` and others of the reference arm, and which are compared."""
    reference = rows.filter(pl.col("arm") == board.reference_arm).select(
        *by,
        *(pl.col(other).alias(f"_{other}") for other in others),
        _events=pl.col(events),
        _of=pl.col(of),
    )
    both = (
        rows.join(reference, on=by, how="left", nulls_equal=True, maintain_order="left")
        if by
        else rows.join(reference, how="cross", maintain_order="left")
    )
    least = minimum(board)
    compared = both.select(
        (
            (pl.col("arm") != board.reference_arm)
            & (pl.col(of) >= least)
            & (pl.col("_of") >= least)
            & pl.col(events).is_not_null()
            & pl.col("_events").is_not_null()
        ).fill_null(value=False)
    ).to_series()
    return both, compared


def _counts(values: pl.Series, shown: pl.Series) -> "np.ndarray[Any, Any]":
    """Counts for an estimator; 0 where nothing is estimated."""
    return np.where(shown.fill_null(value=False).to_numpy(), values.fill_null(0).to_numpy(), 0)


def _estimates(
    name: str, values: Iterable["np.ndarray[Any, Any]"], shown: pl.Series, places: int
) -> list[pl.Series]:
    """An estimate, and its limits if given, as columns; null where not shown or not finite."""
    there = shown.fill_null(value=False).to_numpy()
    return [
        rounded_column(
            pl.Series(column, np.where(there & np.isfinite(part), part, np.nan)).fill_nan(None),
            places,
        )
        for column, part in zip((name, f"{name}_low", f"{name}_high"), values, strict=False)
    ]


def limit_labels(name: str, of: str = "") -> dict[str, str]:
    """The labels of the limits of the estimate `name`, the same in every table.

    Args:
        of: what the limits are of, where a table has several: `Rate`.
    """
    what = f"{of}, " if of else ""
    return {f"{name}_low": f"{what}95 % CI, low", f"{name}_high": f"{what}95 % CI, high"}


def difference_labels(board: Board, name: str = "difference", of: str = "") -> dict[str, str]:
    """The labels of a difference in percentage points and its limits; none with one arm."""
    if len(board.arms) < 2:
        return {}
    label = f"Difference to {board.reference_arm}, percentage points"
    return {name: f"{of}: {label[0].lower()}{label[1:]}" if of else label} | limit_labels(
        name, f"{of}, difference" if of else "Difference"
    )


def rate_labels(board: Board, name: str = "rate") -> dict[str, str]:
    """The label of a difference of rates; none with one arm."""
    if len(board.arms) < 2:
        return {}
    return {f"{name}_difference": f"Difference in rates to {board.reference_arm}"}


# In words


def counts_in_arms(rows: Iterable[Mapping[str, Any]], of: str, events: str = "participants") -> str:
    """`14 of 20 in Arm A, 11 of 20 in Arm B`: `events` of the column `of` in `arm`."""
    return ", ".join(f"{number(row[events])} of {number(row[of])} in {row['arm']}" for row in rows)


def shares_in_arms(
    board: Board, rows: Iterable[Mapping[str, Any]], of: str, events: str = "participants"
) -> str:
    """`Arm A: 14 of 20 (70.0 %); Arm B: 1 of 3`; of one arm without its name."""
    parts = [(row["arm"], share_of_arm(board, row[events], row[of])) for row in rows]
    if len(board.arms) == 1:
        return "; ".join(words for _, words in parts)
    return "; ".join(f"{arm}: {words}" for arm, words in parts)


def share_of_arm(board: Board, count: int, total: int) -> str:
    """`14 of 20 (70.0 %)`; counts alone where an arm has fewer than the minimum."""
    if has_enough(board, total):
        return share(count, total)
    return f"{number(count)} of {number(total)}"


def without_estimate(board: Board, participants: int | None) -> str:
    """Why an arm has no estimate: `fewer than 5`, or that it is not known."""
    return "not known" if has_enough(board, participants) else f"fewer than {minimum(board)}"


def contrast(board: Board, arm: str) -> str:
    """What a difference is of: `Arm B minus Arm A`."""
    return f"{arm} minus {board.reference_arm}"


def points(row: Mapping[str, Any], difference: str = "difference") -> str:
    """`−35.7 percentage points (95 % −63.6 to −0.5)`: a difference of a row and its limits."""
    limits = in_limits(row[f"{difference}_low"], row[f"{difference}_high"], SHARE_PLACES)
    return f"{signed(row[difference])} percentage points ({limits})"


def in_limits(low: float | None, high: float | None, places: int = 0) -> str:
    """`95 % −3 to 12`; says so where there is none."""
    if low is None or high is None:
        return "no interval"
    return f"95 % {decimal(low, places)} to {decimal(high, places)}"


def without_zero(difference: str = "difference") -> pl.Expr:
    """Whether the interval of a difference excludes zero; false where there is none."""
    low, high = pl.col(f"{difference}_low"), pl.col(f"{difference}_high")
    return ((low > 0) | (high < 0)).fill_null(value=False)


def largest_difference(rows: pl.DataFrame) -> dict[str, Any] | None:
    """The row with the largest difference, whatever its sign; None where none differs.

    Under letters the sign says only which arm has the first one.
    """
    if "difference" not in rows.columns:
        return None
    apart = rows.filter(pl.col("difference") != 0).sort(
        pl.col("difference").abs(), descending=True, maintain_order=True
    )
    return apart.row(0, named=True) if apart.height else None


def is_apart(row: Mapping[str, Any], difference: str = "difference") -> bool:
    """Whether the interval of a row's difference excludes zero."""
    return bool(row[f"{difference}_low"] > 0 or row[f"{difference}_high"] < 0)


def held_against_reference(
    board: Board,
    table: pl.DataFrame,
    row: Mapping[str, Any],
    *,
    by: str,
    of: str = "randomized",
    events: str = "participants",
    difference: str = "difference",
) -> str:
    """`7 of 14 in Arm A, 2 of 14 in Arm B; Arm B minus Arm A −35.7 percentage points (…)`.

    Args:
        table: one row an arm for each value of the column `by`.
        row: that of the arm that is compared.
    """
    reference = table.row(
        by_predicate=(pl.col(by) == row[by]) & (pl.col("arm") == board.reference_arm), named=True
    )
    both = sorted((row, reference), key=lambda one: board.arms.index(one["arm"]))
    return (
        f"{counts_in_arms(both, of, events)}; {contrast(board, row['arm'])} "
        f"{points(row, difference)}"
    )


def apart_in_words(
    board: Board,
    table: pl.DataFrame,
    *,
    by: str,
    of: str = "randomized",
    events: str = "participants",
    difference: str = "difference",
) -> str:
    """A sentence on every difference whose interval excludes zero; empty where there is none."""
    if f"{difference}_low" not in table.columns:
        return ""
    names = {"by": by, "of": of, "events": events, "difference": difference}
    return " ".join(
        f"{row[by]}: {held_against_reference(board, table, row, **names)}."
        for row in table.filter(without_zero(difference)).iter_rows(named=True)
    )

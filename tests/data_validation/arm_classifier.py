"""An adversary: everything that the open store says of a participant, and a classifier of the arm.

More than the functional-unblinding check looks at: also outcomes, results, days in the study, and
codes two by two. Calendar dates are left out, as they hold only the order of randomization.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tests.data_validation.null_trials import Opened

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FOLDS = 5
_KEPT = 20  # features with the greatest difference in the training part
_RIDGE = 3.0
_CODES_AT_MOST = 150


def table_of(found: Opened) -> Floats:
    """One row a participant, one column a feature; where there is no value, the column's mean."""
    people = found.people
    columns = [
        feature
        for name, frame in found.relations.items()
        if "subject" in frame.columns
        for feature in _features(name, frame, people)
    ]
    table = np.column_stack(columns)
    with np.errstate(invalid="ignore"):
        means = np.nanmean(table, axis=0)
    table = np.where(np.isnan(table), means, table)
    return np.asarray(table[:, table.std(axis=0) > 0], dtype=np.float64)


def _features(name: str, frame: pl.DataFrame, people: pl.Series) -> Iterator[Floats]:
    places = pl.DataFrame({"subject": people, "_person": np.arange(len(people))})
    rows = frame.join(places, on="subject", how="inner", maintain_order="left")
    person = rows["_person"].to_numpy()
    count = len(people)
    yield np.bincount(person, minlength=count).astype(np.float64)
    codes: list[tuple[str, NDArray[np.int64], int]] = []
    days = rows["randomization_date"] if name == "participant" else None
    for column, kind in rows.schema.items():
        values = rows[column]
        if column in ("record_key", "subject", "_person"):
            continue
        yield np.bincount(person[values.is_not_null().to_numpy()], minlength=count).astype(float)
        if kind == pl.String:
            hours = values.str.extract(r"^\d{4}-\d\d-\d\d[T ](\d\d)", 1)
            found = hours if hours.null_count() < len(hours) else values
            distinct = found.drop_nulls().unique().sort()
            if 0 < len(distinct) <= _CODES_AT_MOST:
                code = found.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64).fill_null(-1)
                codes.append((column, code.to_numpy(), len(distinct)))
        elif kind == pl.Date and days is not None:
            since = (values - days).dt.total_days()
            yield from _summaries(since, person, count)
        elif kind.is_numeric() or kind == pl.Boolean:
            yield from _summaries(values, person, count)
    for _, of_row, size in codes:
        yield from _table(of_row, person, count, size)
    for (one, first, size), (other, second, width) in combinations(codes, 2):
        if {one, other} <= {"test_code", "visit", "unit", "specimen", "procedure_class"}:
            both = np.where((first < 0) | (second < 0), -1, first * width + second)
            yield from _table(both, person, count, size * width)
    if {"test_code", "visit", "result"} <= set(rows.columns):
        yield from _results(rows, person, count)


def _table(code: NDArray[np.int64], person: Floats, people: int, size: int) -> Iterator[Floats]:
    there = code >= 0
    flat = code[there] * people + person[there]
    yield from np.bincount(flat, minlength=size * people).reshape(size, people).astype(float)


def _summaries(values: pl.Series, person: Floats, people: int) -> Iterator[Floats]:
    """Mean, least, greatest and last value of each participant."""
    grouped = (
        pl.DataFrame({"person": person, "value": values.cast(pl.Float64)})
        .group_by("person")
        .agg(
            pl.col("value").mean().alias("mean"),
            pl.col("value").min().alias("least"),
            pl.col("value").max().alias("greatest"),
            pl.col("value").drop_nulls().last().alias("last"),
        )
    )
    yield from _spread(grouped, people)


def _results(rows: pl.DataFrame, person: Floats, people: int) -> Iterator[Floats]:
    """The mean result of each test, and of each test at each visit."""
    for keys in (["test_code"], ["test_code", "visit"]):
        grouped = (
            rows.select(
                pl.Series("person", person),
                pl.concat_str([pl.col(key).fill_null("") for key in keys], separator="|").alias(
                    "key"
                ),
                pl.col("result").cast(pl.Float64).alias("value"),
            )
            .pivot("key", index="person", values="value", aggregate_function="mean")
            .sort("person")
        )
        yield from _spread(grouped, people)


def _spread(grouped: pl.DataFrame, people: int) -> Iterator[Floats]:
    """Each column in the order of the participants, NaN for those who have nothing."""
    places = grouped["person"].to_numpy()
    for name in grouped.columns:
        if name != "person" and grouped[name].null_count() < grouped.height:
            column = np.full(people, np.nan)
            column[places] = grouped[name].cast(pl.Float64).to_numpy()
            yield column


def auc(table: Floats, treated: Mask, seed: int) -> float:
    """The area under the curve of a classifier on participants that it was not trained on.

    Stratified folds; in each, features are chosen, scaled and weighed on the training part alone.
    The mean over folds of the area within a fold: without a difference between the arms its
    expectation is one half exactly, which that of pooled scores is not.
    """
    rng = np.random.default_rng(seed)
    fold = np.empty(len(treated), dtype=np.int64)
    for arm in (True, False):
        members = rng.permutation(np.flatnonzero(treated == arm))
        fold[members] = np.arange(len(members)) % FOLDS
    areas = []
    for number in range(FOLDS):
        test = fold == number
        scores = _scores(table[~test], treated[~test], table[test])
        areas.append(_area(scores, treated[test]))
    return float(np.mean(areas))


def _scores(train: Floats, treated: Mask, test: Floats) -> Floats:
    """Ridge-penalized logistic regression on the features that part the training arms most."""
    spread = train.std(axis=0)
    mean = train.mean(axis=0)
    usable = spread > 0
    train = (train[:, usable] - mean[usable]) / spread[usable]
    test = (test[:, usable] - mean[usable]) / spread[usable]
    apart = np.abs(train[treated].mean(axis=0) - train[~treated].mean(axis=0))
    kept = np.argsort(-apart, kind="stable")[:_KEPT]
    weights = _logistic(train[:, kept], treated.astype(np.float64))
    return np.asarray(test[:, kept] @ weights, dtype=np.float64)


def _logistic(features: Floats, outcome: Floats) -> Floats:
    """Penalized likelihood by Newton's method; the intercept does not matter to an area."""
    design = np.column_stack([np.ones(len(features)), features])
    penalty = _RIDGE * np.eye(design.shape[1])
    penalty[0, 0] = 1e-6
    weights = np.zeros(design.shape[1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (outcome - chance) - penalty @ weights
        curvature = design.T @ (design * (chance * (1 - chance))[:, None]) + penalty
        weights = weights + np.linalg.solve(curvature, gradient)
    return np.asarray(weights[1:], dtype=np.float64)


def _area(scores: Floats, treated: Mask) -> float:
    """The probability that a treated one scores higher than another; ties count half."""
    difference = scores[treated][:, None] - scores[~treated][None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))

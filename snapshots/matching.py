"""Which record of an extract is which of the extract before, where its key was corrected.

A record's key holds its date and its term. Where one of these was corrected, the key of before is
gone and another is new, though a site sees one record. What is left over when equal keys are
matched is therefore paired, one to one, by what else the records say.
"""

from collections.abc import Sequence

import polars as pl

# Days apart of two records of which one has no complete date.
_FAR = 1_000_000


def pairs(
    old: pl.DataFrame,
    new: pl.DataFrame,
    *,
    within: Sequence[str],
    date: str,
    compared: Sequence[str],
    least_equal: float,
    nearest_first: bool,
) -> list[tuple[int, int]]:
    """The rows of two frames that are the same record, each in one pair at most.

    Args:
        old, new: what is left over on both sides.
        within: columns in which a pair agrees; what has no value there is in no pair.
        date: a column of ISO 8601 text; what is not complete has no distance.
        compared: columns whose equality counts. Empty ones on both sides count as nothing.
        least_equal: the share of the compared columns in which a pair agrees at least.
        nearest_first: whether the nearest dates are paired first, and of equally near ones those
            with more in common; otherwise the other way round.

    Returns:
        Places in `old` and in `new`.
    """
    if old.is_empty() or new.is_empty():
        return []
    candidates = _texts(old, "_old", within, date, compared).join(
        _texts(new, "_new", within, date, compared), on=list(within), how="inner", suffix="_now"
    )
    both = [(pl.col(name), pl.col(f"{name}_now")) for name in compared]
    nothing = pl.lit(0, dtype=pl.Int64)
    filled = pl.sum_horizontal(nothing, *(a.is_not_null() | b.is_not_null() for a, b in both))
    equal = pl.sum_horizontal(nothing, *((a == b).fill_null(value=False) for a, b in both))
    apart = (pl.col("_date_now") - pl.col("_date")).dt.total_days().abs().fill_null(_FAR)
    share = pl.when(filled > 0).then(equal / filled).otherwise(1.0)
    order = ("_apart", "_unequal") if nearest_first else ("_unequal", "_apart")
    ranked = (
        candidates.select("_old", "_new", _apart=apart, _unequal=1 - share)
        .filter(pl.col("_unequal") <= 1 - least_equal)
        .sort(*order, "_old", "_new")
    )
    found: list[tuple[int, int]] = []
    olds, news = set[int](), set[int]()
    for one, other in ranked.select("_old", "_new").iter_rows():
        if one not in olds and other not in news:
            olds.add(one)
            news.add(other)
            found.append((one, other))
    return found


def _texts(
    frame: pl.DataFrame, place: str, within: Sequence[str], date: str, compared: Sequence[str]
) -> pl.DataFrame:
    return frame.select(
        pl.int_range(pl.len()).alias(place),
        pl.col(date).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).alias("_date"),
        *(pl.col(name).cast(pl.String) for name in dict.fromkeys((*within, *compared))),
    )

"""Small cells: how a limited Board answers, so that no few people can be picked out.

A question says in its head how its rows stand to each other, and what they count. One of these:

    -- open: why                              whole: it carries no outcome and no arm
    -- merged by site within dataset: due     rows of others each: few are joined to neighbors
    -- over time within arm: died + alive     rows of the same people again: kept or left out
    -- over time as a whole: due + ended      the same, and their sum is known: all rows or none
    -- alone: with_any + without              one row
    -- alone by characteristic: n + missing   rows of facts that have nothing to do with another

What columns that are joined by + add up to is known, so one of them tells the others. A column
without its others is refused, but where rows are merged, whose others are the other rows. And where
it is needed:

    -- events: events            these columns count what has no known total
    -- beside: in_time + later   parts of a row that are left out by themselves, not with it; where
                                 rows are merged, parts of which few keep a row from standing alone
    -- of n: mean, sd            values that describe the n participants
    -- withheld: minimum         no limited Board has these columns
    -- without: kind fatal       nor these rows
    -- fixed: checks             bound values that nobody chooses
    -- outcome: leaving          what of the trial's outcomes the question breaks down
    -- outcome: deaths in standing died    that these rows tell of it

A question that says nothing of this kind is not answered by a limited Board at all.
"""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

# What a limited Board adds to merged rows: the values of the column by which they are told apart,
# of all that a row stands for; null where it stands for itself.
TOGETHER = "together"

_HOW = ("open", "merged by", "over time as a whole", "over time", "alone by", "alone")
_MORE = ("events", "beside", "of", "withheld", "without", "fixed", "outcome")
_LINE = re.compile(rf"^-- ({'|'.join(_HOW + _MORE)})(?: ([a-z_, ]+))?: (.+)$")
# Rows of these are of the same people again.
_OF_TIME = frozenset({"planned_day", "study_day", "day"})


class NotShownError(Exception):
    """What a limited role is not shown of a question; the text says why."""


@dataclass(frozen=True)
class Cells:
    """What a question's head says of its columns.

    Attributes:
        how: how its rows stand to each other; see the module.
        groups: the columns that count; those of one group add up to a number that is known.
        beside: columns that add up, too, and are left out of a row by themselves; where rows are
            merged, what completes a row's count to a number that is known.
        by: the column by which rows are told apart.
        within: the columns whose values tell apart the rows that count other people.
        described: a count, and the columns that describe those whom it counts.
        withheld: columns that no limited Board has.
        without: columns with their value in rows that no limited Board has.
        fixed: the bound values that a page fixes and nobody chooses.
        outcome: what the question breaks down; empty where that is no outcome of the trial's.
        of_outcome: outcomes that single rows tell of, with the column and value of those rows.
    """

    how: str
    groups: tuple[tuple[str, ...], ...] = ()
    beside: tuple[tuple[str, ...], ...] = ()
    by: str = ""
    within: tuple[str, ...] = ()
    described: tuple[tuple[tuple[str], tuple[str, ...]], ...] = ()
    withheld: tuple[str, ...] = ()
    without: tuple[tuple[str, ...], ...] = ()
    fixed: frozenset[str] = frozenset()
    outcome: str = ""
    of_outcome: tuple[tuple[str, str, str], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that count, once each."""
        return tuple(dict.fromkeys(name for group in self.groups for name in group))


def declared(sql: str) -> Cells | None:
    """What the head of a question says; None if it does not say how its rows are to be shown.

    Raises:
        ValueError: it says it in more than one way, or counts a part without the other part.
    """
    said: list[tuple[str, str, str]] = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        if found := _LINE.match(line):
            said.append((found[1], found[2] or "", found[3]))
    ways = [line for line in said if line[0] in _HOW]
    if not ways:
        return None
    if len(ways) > 1:
        raise ValueError(f"A head says {' and '.join(way for way, _, _ in ways)}: one of them.")
    how, where, counts = ways[0]
    if how == "open":
        counts = ""
    by, _, within = where.partition("within ")
    of_key = {key: text for key, _, text in said if key not in ("of", "outcome")}
    outcomes = [text.partition(" in ") for key, _, text in said if key == "outcome"]
    cells = Cells(
        how=how,
        groups=_groups(counts),
        beside=_groups(of_key.get("beside", "")),
        by=by.strip(),
        within=_names(within),
        described=tuple(((of,), _names(text)) for key, of, text in said if key == "of"),
        withheld=_names(of_key.get("withheld", "")),
        without=tuple(_names(row, " ") for row in _names(of_key.get("without", ""))),
        fixed=frozenset(_names(of_key.get("fixed", ""))),
        outcome=next((name for name, _, rows in outcomes if not rows), ""),
        of_outcome=tuple(
            (name, rows.split(" ")[0], rows.split(" ")[1]) for name, _, rows in outcomes if rows
        ),
    )
    events = set(_names(of_key.get("events", "")))
    groups = () if how == "merged by" else cells.groups + cells.beside
    lone = [group[0] for group in groups if len(group) == 1 and group[0] not in events]
    if lone:
        raise ValueError(
            f"A head counts {', '.join(lone)} without the others: name the column that counts them."
        )
    return cells


def _groups(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(_names(group, "+") for group in _names(text))


def _names(text: str, separator: str = ",") -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(separator) if name.strip())


# Which rows are shown


def spans(
    counts: Sequence[Sequence[int]], smallest: int, together: Sequence[bool] = ()
) -> list[tuple[int, int]]:
    """Which neighboring rows are shown together, along a fixed tree over them.

    The tree splits rows at the largest power of two below their number. A row is shown by itself
    if each of its counts is 0 or at least `smallest`. Else it joins its sibling, and theirs, up to
    where the sum of each column is 0 or at least `smallest` and one for each row.

    For whoever knows the rule and every sum that is shown, the least and the most that a count of
    joined rows can be lie `smallest` or more apart: `test_small_cells` looks at all small tables.

    Args:
        counts: of each row, in an order that does not depend on them.
        smallest: the smallest count that is shown by itself.
        together: of each row whether it must not stand by itself, whatever it counts.

    Returns:
        First row, and the row after the last, of what is shown; nothing where even all rows
        together are too few.
    """

    def is_shown(first: int, end: int) -> bool:
        rows = end - first
        if rows == 1 and together and together[first]:
            return False
        # By itself, and with nobody to join, a count would be told by its being left out.
        least = smallest + (rows if rows > 1 else 2 if len(counts) == 1 else 0)
        return all(not 0 < sum(column) < least for column in zip(*counts[first:end], strict=True))

    def of_node(first: int, end: int) -> list[tuple[int, int]] | None:
        if end - first > 1:
            middle = first + (1 << ((end - first - 1).bit_length() - 1))
            left, right = of_node(first, middle), of_node(middle, end)
            if left is not None and right is not None:
                return left + right
        return [(first, end)] if is_shown(first, end) else None

    return (of_node(0, len(counts)) if counts else None) or []


def is_far(count: int | None, other: int | None, smallest: int) -> bool:
    """Whether two counts of the same people are equal, or so far apart that both can be shown.

    Two more than `smallest`: that one of them is left out tells that it is nearer than this.
    """
    return count is None or other is None or count == other or abs(count - other) >= smallest + 2


def kept(
    counts: Sequence[Sequence[int | None]], smallest: int, *, as_a_whole: bool = False
) -> list[int]:
    """Which rows are shown of those that count the same people again.

    From the last one back each that is far from nobody and from every one that is shown, in all of
    its columns. With its complement among the columns, it is as far from everybody.

    Args:
        counts: of each row; null where nothing is counted.
        smallest: the smallest count that is shown.
        as_a_whole: all rows or none, because what they add up to is known, and would tell what one
            that is left out counts.
    """
    shown: list[int] = []
    for row in reversed(range(len(counts))):
        nobody = [0] * len(counts[row])
        others = [nobody, *(counts[other] for other in shown)]
        if all(
            is_far(count, before, smallest)
            for other in others
            for count, before in zip(counts[row], other, strict=True)
        ):
            shown.append(row)
    return [] if as_a_whole and len(shown) < len(counts) else sorted(shown)


# Answers


def without_small_cells(
    answer: pl.DataFrame, cells: Cells, smallest: int, is_told: Callable[[str], bool]
) -> pl.DataFrame:
    """The answer as a limited Board has it.

    Rows that are merged have the values of all that they stand for in the column `together`, and
    the first of them in the others. Null is a count of a row that is shown without it.

    Args:
        answer: all of it.
        cells: what the head of the question says.
        smallest: the smallest count that is shown.
        is_told: whether an outcome is shown to the role.

    Raises:
        NotShownError: nothing of it is shown.
        ValueError: it has several rows, and its head does not say how they stand to each other.
    """
    if cells.how == "open" or answer.is_empty():
        return answer
    if cells.how == "alone" and answer.height > 1:
        raise ValueError("Several rows, and the head does not say how they stand to each other.")
    if not cells.how.startswith("over time") and not _OF_TIME.isdisjoint(answer.columns):
        raise ValueError("Rows by day count the same people again, and the head does not say so.")
    for column, value in cells.without:
        answer = answer.filter(pl.col(column) != value)
    is_untold = pl.Series([False] * answer.height)
    for outcome, column, value in cells.of_outcome:
        if not is_told(outcome):
            is_untold |= answer[column].cast(pl.String) == value
    if cells.how == "merged by":
        is_near = is_untold | _are_near(answer, tuple(itertools.chain(*cells.beside)), smallest)
        shown = pl.concat(
            _merged(answer[rows], cells, smallest, is_near[rows].to_list())
            for rows in _apart(answer, cells.within)
        )
    else:
        shown = _without_parts(answer, cells, smallest)
    if cells.how.startswith("over time"):
        # A row that stays as it is cannot be shown with another one.
        shown = shown.filter(~is_untold)
        counts, whole = shown.select(cells.columns), cells.how == "over time as a whole"
        shown = shown[
            sorted(
                rows[place]
                for rows in _apart(shown, cells.within)
                for place in kept(counts[rows].rows(), smallest, as_a_whole=whole)
            )
        ]
    if shown.is_empty():
        raise NotShownError(too_few(smallest))
    return shown.with_columns(
        pl.lit(None, shown.schema[name]).alias(name) for name in cells.withheld
    )


def too_few(smallest: int) -> str:
    """What stands in place of what is not shown."""
    return f"Too few to show: fewer than {smallest} could be picked out."


def _apart(answer: pl.DataFrame, within: tuple[str, ...]) -> list[list[int]]:
    """The places of the rows that belong together, each in the order of the answer."""
    places: dict[tuple[object, ...], list[int]] = {}
    keys = answer.select(within).rows() if within else [()] * answer.height
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return list(places.values())


def _without_parts(answer: pl.DataFrame, cells: Cells, smallest: int) -> pl.DataFrame:
    """The answer without what is left out of a row by itself."""
    groups = cells.groups + cells.beside if cells.how.startswith("alone") else cells.beside
    is_out: dict[str, pl.Expr] = {}
    for counts, names in (*((group, group) for group in groups), *cells.described):
        near = pl.lit(_are_near(answer, counts, smallest))
        for name in names:
            is_out[name] = is_out.get(name, pl.lit(value=False)) | near
    return answer.with_columns(
        pl.when(~out).then(pl.col(name)).alias(name) for name, out in is_out.items()
    )


def _are_near(answer: pl.DataFrame, counts: tuple[str, ...], smallest: int) -> pl.Series:
    """Whether one of these counts is of few, row by row."""
    rows = answer.select(counts).rows() if counts else [()] * answer.height
    near = [not all(is_far(count, 0, smallest) for count in row) for row in rows]
    return pl.Series(near, dtype=pl.Boolean)


def _merged(rows: pl.DataFrame, cells: Cells, smallest: int, together: list[bool]) -> pl.DataFrame:
    """Rows that add up, neighbors of which are shown together."""
    columns, names = list(cells.columns), rows[cells.by].cast(pl.String).to_list()
    found = spans(rows.select(pl.col(columns).fill_null(0)).rows(), smallest, together)
    parts = [
        rows[first:end]
        if end - first == 1
        else rows[first : first + 1].with_columns(rows[first:end].select(pl.col(columns).sum()))
        for first, end in found
    ]
    stand_for = [names[first:end] if end - first > 1 else None for first, end in found]
    return pl.concat([rows[:0], *parts]).with_columns(
        pl.Series(TOGETHER, stand_for, pl.List(pl.String))
    )

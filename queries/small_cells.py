"""Small cells: what a limited Board leaves out of an answer, so that no few people are told apart.

A question says in its head what its columns count, and what adds up to a number that is known:

    -- counts: randomized + screen_failures, screened   a group joined by + adds up within a row
    -- adds up: rows within characteristic              rows add up; without `within`, all of them
    -- running: cumulative                              a count that goes on from row to row
    -- over time: rows within arm                       rows count the same people at several times
    -- of n: mean, sd                                   values that describe the n participants
    -- single: minimum, maximum                         values of one participant
    -- fixed: checks                                    bound values that nobody chooses

A question that says nothing of this kind is not answered by a limited Board at all; one that counts
nothing says `-- counts: nothing`.
"""

import re
from dataclasses import dataclass

import polars as pl

_LINE = re.compile(r"^-- (counts|adds up|over time|running|of \w+|single|fixed): (.+)$")


@dataclass(frozen=True)
class Cells:
    """What a question's head says of its columns.

    Attributes:
        groups: the columns that count; those of one group add up within a row.
        rows_add_up: whether the counts of several rows add up to a number that is known.
        within: the columns whose values tell apart the rows that add up.
        again_within: the columns whose values tell apart the rows that count other people; None
            where no two rows count the same people.
        running: the column that counts on from row to row.
        described: a count, and the columns that describe those whom it counts.
        single: columns that hold the value of one participant.
        fixed: the bound values that a page fixes and nobody chooses.
    """

    groups: tuple[tuple[str, ...], ...] = ()
    rows_add_up: bool = False
    within: tuple[str, ...] = ()
    again_within: tuple[str, ...] | None = None
    running: str | None = None
    described: tuple[tuple[str, tuple[str, ...]], ...] = ()
    single: tuple[str, ...] = ()
    fixed: frozenset[str] = frozenset()


def declared(sql: str) -> Cells | None:
    """What the head of a question says; None if it does not say what it counts."""
    said: dict[str, str] = {}
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        if found := _LINE.match(line):
            said[found[1]] = found[2]
    if "counts" not in said and "running" not in said:
        return None
    counts = said.get("counts", "nothing")
    again, _, again_within = said.get("over time", "").partition(" within ")
    adds_up, _, within = said.get("adds up", "").partition(" within ")
    return Cells(
        groups=()
        if counts == "nothing"
        else tuple(_names(group, "+") for group in counts.split(",")),
        rows_add_up=adds_up == "rows",
        within=_names(within),
        again_within=_names(again_within) if again == "rows" else None,
        running=said.get("running"),
        described=tuple(
            (key.removeprefix("of "), _names(names))
            for key, names in said.items()
            if key.startswith("of ")
        ),
        single=_names(said.get("single", "")),
        fixed=frozenset(_names(said.get("fixed", ""))),
    )


def _names(text: str, separator: str = ",") -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(separator) if name.strip())


def without_small_cells(answer: pl.DataFrame, cells: Cells, smallest: int) -> pl.DataFrame:
    """The answer with null in place of each count from 1 to `smallest` - 1.

    Where counts add up to a number that is known, as many more of them are left out, the least
    first, that what is left out cannot be worked out: at least two, of `smallest` together. A
    running count keeps the rows by which it has grown by `smallest`; of rows that count the same
    people again those are kept, from the last on, that differ from each other by `smallest` or not
    at all. Zero is shown: it is nobody.
    """
    if cells.running is not None:
        answer = _in_steps(answer, cells.running, smallest)
    columns = [name for group in cells.groups for name in group]
    if cells.again_within is not None:
        answer = _far_apart(answer, columns, cells.again_within, smallest)
    values = {name: [int(value or 0) for value in answer[name]] for name in columns}
    hidden = {name: [0 < value < smallest for value in values[name]] for name in columns}
    lines = [
        *_lines_along_rows(answer, cells, columns),
        *(
            [(name, row) for name in group]
            for group in cells.groups
            if len(group) > 1
            for row in range(answer.height)
        ),
    ]
    # What is hidden for one line can be the only hidden cell of another.
    while sum([_protected(line, values, hidden, smallest) for line in lines]):
        pass
    answer = answer.with_columns(
        pl.when(~pl.Series(hidden[name], dtype=pl.Boolean)).then(pl.col(name)).alias(name)
        for name in columns
    )
    return answer.with_columns(
        *(
            pl.when(pl.col(count).is_not_null()).then(pl.col(name)).alias(name)
            for count, names in cells.described
            for name in names
        ),
        *(pl.lit(None, answer.schema[name]).alias(name) for name in cells.single),
    )


def _in_steps(answer: pl.DataFrame, running: str, smallest: int) -> pl.DataFrame:
    kept, last = [], 0
    for row, value in enumerate(answer[running]):
        if value - last >= smallest:
            kept.append(row)
            last = value
    return answer[kept]


def _far_apart(
    answer: pl.DataFrame, columns: list[str], within: tuple[str, ...], smallest: int
) -> pl.DataFrame:
    """Without rows from whose difference to another one a small count could be worked out."""
    counts = answer.select(columns).rows()
    keys = answer.select(within).rows() if within else [()] * answer.height
    kept: list[int] = []
    for row in reversed(range(answer.height)):
        if all(
            before == after or abs(before - after) >= smallest
            for other in kept
            if keys[other] == keys[row]
            for before, after in zip(counts[row], counts[other], strict=True)
        ):
            kept.append(row)
    return answer[sorted(kept)]


def _lines_along_rows(
    answer: pl.DataFrame, cells: Cells, columns: list[str]
) -> list[list[tuple[str, int]]]:
    if not cells.rows_add_up:
        return []
    together: dict[tuple[object, ...], list[int]] = {}
    keys = answer.select(cells.within).rows() if cells.within else [()] * answer.height
    for row, key in enumerate(keys):
        together.setdefault(key, []).append(row)
    # A row alone is the total itself.
    return [
        [(name, row) for row in rows]
        for rows in together.values()
        if len(rows) > 1
        for name in columns
    ]


def _protected(
    line: list[tuple[str, int]],
    values: dict[str, list[int]],
    hidden: dict[str, list[bool]],
    smallest: int,
) -> bool:
    """Hide as many more cells of one line as it takes; whether there were any."""
    changed = False
    while True:
        out = [values[name][row] for name, row in line if hidden[name][row]]
        if not out or (len(out) > 1 and sum(out) >= smallest):
            return changed
        left = [(values[name][row], name, row) for name, row in line if not hidden[name][row]]
        if not left:
            return changed
        # A cell of nobody protects little, so it comes last.
        _, name, row = min(left, key=lambda cell: (cell[0] == 0, cell[0]))
        hidden[name][row] = changed = True

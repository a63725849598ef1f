"""An exhibit: what a safety board's report numbers. The same one serves page and command line.

Every exhibit is the same short chain: ask the Board, estimate, draw, say how. It has no `if` on the
view; it declares the least view in which it makes sense and is not offered below.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import plotly.graph_objects as go
import polars as pl
from polars import selectors

from access.view import View
from queries import Board, Filters
from version import VERSION


class NotInThisViewError(Exception):
    """An exhibit asked for below the least view in which it is offered."""


@dataclass(frozen=True)
class People:
    """The participants behind a number, as a question that has a row for each of them.

    Attributes:
        title: what they have in common, `Pneumonia, Arm A`.
        question: answers with `subject`, `site`, `arm` and `why`: why each is in the list.
        values: what is bound in it, beside the filters.
    """

    title: str
    question: str
    values: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Number:
    """One headline number: `37 of 60`, with what it counts and, where it helps, a remark."""

    label: str
    value: str
    remark: str = ""
    people: People | None = None


@dataclass(frozen=True)
class Exhibit:
    """One exhibit, complete with what must stand beside its numbers.

    Attributes:
        title: what it shows, in the field's words.
        answer: the finding in one sentence, as a member would say it.
        attention: why somebody has to look at it now; empty where nothing asks for it.
        population: who is counted, always named.
        denominator: `n/N` in words, `60 of 80 screened`.
        numbers: headline numbers.
        figure: the picture, if there is one; it carries nothing that its table does not.
        description: the picture in words, for who cannot see it.
        table: the numbers behind it, columns in machine names.
        labels: what each column is called for a reader.
        footnotes: method and source.
        assumptions: values of the trial definition that are not in the registration, with reasons.
        missing: what is not there and what to do; then there is nothing else to show.
        lists: the participants behind parts of it. A mark of the figure carries the place of its
            list as `customdata`; `row_lists` has that of each row of the table, None without one.
    """

    title: str
    population: str
    answer: str = ""
    attention: str = ""
    denominator: str = ""
    numbers: tuple[Number, ...] = ()
    figure: go.Figure | None = None
    description: str = ""
    table: pl.DataFrame | None = None
    labels: dict[str, str] = field(default_factory=dict)
    footnotes: tuple[str, ...] = ()
    assumptions: tuple[tuple[str, str], ...] = ()
    missing: str = ""
    lists: tuple[People, ...] = ()
    row_lists: tuple[int | None, ...] = ()
    name: str = ""
    provenance: dict[str, str] = field(default_factory=dict)

    def labelled_table(self) -> pl.DataFrame:
        """The table under the labels a reader sees; without rows if there is none."""
        table = self.table if self.table is not None else pl.DataFrame()
        return table.rename({k: v for k, v in self.labels.items() if k in table.columns})

    def as_data(self) -> dict[str, Any]:
        """What scripts get: the same numbers as the page, with provenance; dates in ISO 8601."""
        table = self.table if self.table is not None else pl.DataFrame()
        dates = selectors.temporal().dt.to_string("iso")
        return {
            "exhibit": self.name,
            "title": self.title,
            "answer": self.answer,
            "attention": self.attention,
            "population": self.population,
            "denominator": self.denominator,
            "numbers": [
                {"label": number.label, "value": number.value, "remark": number.remark}
                for number in self.numbers
            ],
            "table": table.with_columns(dates).to_dicts(),
            "footnotes": list(self.footnotes),
            "assumptions": dict(self.assumptions),
            "missing": self.missing,
            "provenance": self.provenance,
        }


Maker = Callable[[Board], Exhibit]
# Of an exhibit that is kept: some are a listing of everything.
MOST_ROWS_KEPT = 1_000


@dataclass(frozen=True)
class Registered:
    """One line of the registry."""

    name: str
    topic: str
    least_view: View
    filtered: bool
    summary: str
    make: Maker


EXHIBITS: dict[str, Registered] = {}


def exhibit(
    *, least_view: View = View.POOLED, filtered: bool = False, by_day: bool = True
) -> Callable[[Maker], Maker]:
    """Register a function of a Board as an exhibit.

    The exhibit is named after the function; the first line of its docstring says what it shows.

    Args:
        least_view: the least view in which it makes sense.
        filtered: whether it follows the Board's filters; then it says so.
        by_day: whether of these it follows the study days, too.
    """

    def register(function: Maker) -> Maker:
        name = function.__name__

        @functools.wraps(function)
        def with_provenance(board: Board) -> Exhibit:
            if board.view < least_view:
                raise NotInThisViewError(
                    f"{name} needs the {least_view.word} view; this one is {board.view.word}."
                )
            made = function(board)
            notes = made.footnotes
            if board.is_limited:
                smallest = board.trial.blinding.smallest_cell
                notes += (
                    f"Counts under {smallest} are not shown, nor any from which one of them could "
                    "be worked out.",
                )
            chosen = board.filters if filtered else Filters()
            if not by_day and chosen != (chosen := chosen.of_people):
                notes += ("The study days of the filters do not apply to this exhibit.",)
            filters = chosen.in_words()
            return replace(
                made,
                name=name,
                population=f"{made.population}; only {filters}" if filters else made.population,
                # Rows of participants are refused to whoever has a limited Board.
                lists=() if board.is_limited else made.lists,
                row_lists=() if board.is_limited else made.row_lists,
                numbers=tuple(replace(number, people=None) for number in made.numbers)
                if board.is_limited
                else made.numbers,
                footnotes=notes,
                provenance=provenance(board) | ({"filters": filters} if filters else {}),
            )

        topic = function.__module__.rpartition(".")[2]
        summary = (function.__doc__ or "").strip().splitlines()[0]
        EXHIBITS[name] = Registered(name, topic, least_view, filtered, summary, with_provenance)
        return with_provenance

    return register


# For what compares arms, and is nothing where they are not told apart.
comparative_exhibit = exhibit(least_view=View.CODED)
filtered_comparative_exhibit = exhibit(least_view=View.CODED, filtered=True)

# For what only the unblinded view has.
unblinded_exhibit = exhibit(least_view=View.UNBLINDED)
filtered_unblinded_exhibit = exhibit(least_view=View.UNBLINDED, filtered=True)


def too_few(title: str, population: str, board: Board) -> Exhibit:
    """In place of an exhibit whose main number a limited role does not see."""
    smallest = board.trial.blinding.smallest_cell
    return Exhibit(
        title=title,
        population=population,
        missing=f"Shown from {smallest} participants on.",
    )


def most_first(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Rows by counts, the most first; equal ones stay as they are, and hidden ones come last.

    An answer itself is never in the order of its counts: that would tell of those that are hidden.
    """
    return rows.sort(columns, descending=True, nulls_last=True, maintain_order=True)


def provenance(board: Board) -> dict[str, str]:
    """What every exhibit prints: trial, snapshot, cut-off, view, simulated or not, and software."""
    return {
        "trial": board.trial.study,
        "snapshot": str(board.snapshot.id),
        "data_cutoff": board.snapshot.manifest.cutoff.isoformat(),
        "view": board.view.word,
        "participants": "simulated" if board.snapshot.manifest.simulated else "as extracted",
        "software": VERSION,
    }


def offered(view: View) -> list[Registered]:
    """The exhibits that this view offers, by topic and name."""
    return sorted(
        (item for item in EXHIBITS.values() if item.least_view <= view),
        key=lambda item: (item.topic, item.name),
    )


def is_offered(name: str, board: Board) -> bool:
    """Whether the Board's view has the exhibit called `name`."""
    return EXHIBITS[name].least_view <= board.view


def make(name: str, board: Board) -> Exhibit:
    """The exhibit called `name`; one without many rows is kept with the Board, not to be changed.

    Raises:
        KeyError: there is none of that name.
        NotInThisViewError: it is not offered in the Board's view.
    """
    maker = EXHIBITS[name].make
    # What it depends on beside the snapshot, the view and the filters of the Board.
    return board.once(
        ("exhibit", name, board.subject, board.compared_with), lambda: maker(board), _is_small
    )


def _is_small(made: Exhibit) -> bool:
    return (0 if made.table is None else made.table.height) <= MOST_ROWS_KEPT

"""An exhibit: what a safety board's report numbers. The same one serves page and command line.

Every exhibit is the same short chain: ask the Board, estimate, draw, say how. It has no `if` on the
view; it declares the least view in which it makes sense and is not offered below.
"""

import functools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any

import plotly.graph_objects as go
import polars as pl
from polars import selectors

from access.view import View
from queries import Board, Filters, NotShownError
from trials import Trial
from version import VERSION

RANDOMIZED = "Randomized participants, as randomized"
NOBODY = "Nobody is randomized yet."
NOBODY_LEFT = "The filters leave nobody. Choose fewer of them."
# What to ask for where the extract lacks a dataset that an exhibit needs.
NOT_THERE = {
    "AE": "The extract has no adverse events (AE). Ask for them in the next extract.",
    "CE": "The extract has no clinical events (CE). Ask for them in the next extract.",
    "CP": "The extract has no cell phenotypes (CP). Ask for them in the next extract.",
    "DM": "The extract has no demographics (DM). Ask for them in the next extract.",
    "DS": "The extract has no dispositions (DS), so how participation ended is not recorded. Ask "
    "for them in the next extract.",
    "DV": "The extract has no dataset DV, so deviations from the protocol are not known. Ask for "
    "DV in the next extract.",
    "EG": "The extract has no electrocardiograms (EG). Ask for them in the next extract.",
    "EX": "The extract has neither EX nor EC, so what was given is not known. Ask for them in the "
    "next extract.",
    "HO": "The extract has no stays in hospital (HO), so discharge is not known. Ask for them in "
    "the next extract.",
    "LB": "The extract has no laboratory results (LB). Ask for them in the next extract.",
    "PR": "The extract has no procedures (PR). Ask for them in the next extract.",
    "QS": "The extract has no questionnaires (QS). Ask for them in the next extract.",
    "RS": "The extract has no clinical scales (RS). Ask for them in the next extract.",
    "SV": "The extract has no dataset SV, so which visits took place is not known. Ask for SV in "
    "the next extract.",
    "VS": "The extract has no vital signs (VS). Ask for them in the next extract.",
}
# What to ask for where a dataset is there, and does not record what an exhibit counts.
NOT_RECORDED = {
    "AE.AESER": "Seriousness of adverse events is not recorded (AESER and the criteria AESDTH, "
    "AESLIFE, AESHOSP, AESDISAB, AESCONG, AESMIE). Ask for it in the next extract.",
    "AE.AESTDTC": "Onset of adverse events is not recorded (AESTDTC), so which began since "
    "randomization is not known. Ask for it in the next extract.",
    "DM.DTHFL": "Deaths are not recorded in this extract: neither in demographics (DTHFL, DTHDTC) "
    "nor in dispositions, outcomes of events, death details or contacts. Ask for them in the next "
    "extract.",
}
# Any of these is enough.
SERIOUSNESS = tuple(
    f"AE.{field}"
    for field in ("AESER", "AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESMIE")
)
DEATHS = ("DM.DTHFL", "DM.DTHDTC", "DS", "AE.AEOUT", "AE.AESDTH", "DD", "SS")
_NO_RULE = (
    "The protocol states no rule of this kind, so there is none to be met. A rule that is thought "
    "of after the results are known proves nothing."
)
# What is to be said where the trial definition lacks a section that an exhibit needs.
NOT_DEFINED = {
    "dosing": "The trial definition plans no doses: name them under [dosing].",
    "grades": "The trial definition grades no measure. Add [[grades]] to it.",
    "immune": "The trial definition names no immune markers. Add [immune] to it.",
    "liver": "The trial definition says nothing of liver tests. Add [liver] to it.",
    "oxygenation": "The trial definition does not say how oxygenation is looked at. Add "
    "[oxygenation].",
    "sequential_rules": _NO_RULE,
    "special_interest": "The trial definition names no groups of special interest: name them "
    "under [[special_interest]].",
    "stopping_rules": _NO_RULE,
    "worsening": "The trial definition says not what worsening is: name it under [worsening].",
}


# What columns are called where an exhibit has no label of its own for them, and where their name in
# words (`preferred_term`, "Preferred term") would not do.
LABELS = {
    "day": "Study day",
    "end_date": "End",
    "n": "n",
    "observed_days": "Patient-days",
    "of": "N",
    "percent": "%",
    "planned_day": "Study day",
    "rate": "Events per 100 patient-days",
    "start_date": "Start",
    "subject": "Participant",
}
# The limits of the estimate `x` are `x_low` and `x_high`; by position of the arm, `x_low_2`.
_LIMIT = re.compile(r"(.+)_(low|high)(_\d+)?")
_MACHINE_NAME = re.compile(r"[a-z][a-z0-9]+(_[a-z0-9]+)*")


def label_of(column: str) -> str:
    """What a column is called for a reader, where an exhibit has no label of its own for it.

    Args:
        column: `preferred_term`; what is no machine name, as that of an arm, stays as it is.
    """
    if column in LABELS or not _MACHINE_NAME.fullmatch(column):
        return LABELS.get(column, column)
    return column.replace("_", " ").capitalize()


def _labels(table: pl.DataFrame | None, own: dict[str, str]) -> dict[str, str]:
    """The labels of an exhibit's columns: its own, those that all have, and of limits their one."""
    if table is None:
        return own
    limits = {
        name: (f"{match[1]}{match[3] or ''}", match[2])
        for name in table.columns
        if name not in own and (match := _LIMIT.fullmatch(name))
    }
    labels = {name: label_of(name) for name in table.columns if name not in limits} | own
    several = len({estimate for estimate, _ in limits.values()}) > 1
    for name, (estimate, end) in limits.items():
        of = labels.get(estimate, "").split(",")[0]
        labels[name] = f"{of}: 95 % CI, {end}" if several and of != "%" else f"95 % CI, {end}"
    return {name: labels[name] for name in table.columns}


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
        beside: what is left to say beside `attention`; None where that is the whole answer.
        population: who is counted, always named.
        denominator: `n/N` in words, `60 of 80 screened`.
        sizes: N of each arm, where its table is read by arm.
        numbers: headline numbers.
        picture: draws the figure, if there is one; it carries nothing that its table does not.
        description: the picture in words, for who cannot see it.
        table: the numbers behind it, columns in machine names.
        labels: what each column is called for a reader, where it is not as `LABELS` say; limits
            are called by what they are limits of.
        footnotes: method and source.
        assumptions: values of the trial definition that are not in the registration, with reasons.
        missing: what is not there and what to do; then there is nothing else to show.
        lists: the participants behind parts of it. A mark of the figure carries the place of its
            list as `customdata`; `row_lists` has that of each row of the table, None without one.
            Where it is left out and there are as many lists as rows, each row has its own.
        arms: those of columns that end in `_1`, `_2`, …, where arms stand beside each other.
        exact: rounded columns of the table as they were before, see `with_exact`.
    """

    title: str = ""
    population: str = ""
    answer: str = ""
    attention: str = ""
    beside: str | None = None
    denominator: str = ""
    sizes: tuple[int, ...] = ()
    numbers: tuple[Number, ...] = ()
    picture: "Callable[[], go.Figure] | None" = None
    description: str = ""
    table: pl.DataFrame | None = None
    labels: dict[str, str] = field(default_factory=dict)
    footnotes: tuple[str, ...] = ()
    assumptions: tuple[tuple[str, str], ...] = ()
    missing: str = ""
    lists: tuple[People, ...] = ()
    row_lists: tuple[int | None, ...] = ()
    arms: tuple[str, ...] = ()
    exact: pl.DataFrame | None = None
    name: str = ""
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def has_figure(self) -> bool:
        """Whether there is a figure; it is not drawn for that."""
        return self.picture is not None

    @functools.cached_property
    def figure(self) -> "go.Figure | None":
        """The figure, drawn when somebody first asks for it; None where there is none."""
        return self.picture() if self.picture is not None else None

    @property
    def total(self) -> int:
        """How many rows the table has; 0 where there is none."""
        return 0 if self.table is None else self.table.height

    def rows(self, offset: int = 0, limit: int | None = None) -> pl.DataFrame:
        """So many rows of the table from a place on, under the labels that a reader sees.

        Args:
            offset: the first row, counted from 0.
            limit: how many at most; all that follow where it is left out.
        """
        part = pl.DataFrame() if self.table is None else self.table.slice(offset, limit)
        return part.rename({k: v for k, v in self.labels.items() if k in part.columns})

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
            "table": positive_zero(table).with_columns(dates).to_dicts(),
            "exact": [] if self.exact is None else positive_zero(self.exact).to_dicts(),
            "footnotes": list(self.footnotes),
            "assumptions": dict(self.assumptions),
            "missing": self.missing,
            "provenance": self.provenance,
        }


def positive_zero(table: pl.DataFrame) -> pl.DataFrame:
    """The table without negative zeros."""
    numbers = selectors.float()
    return table.with_columns(pl.when(numbers == 0).then(0.0).otherwise(numbers).name.keep())


def with_exact(shown: Exhibit, unrounded: Exhibit) -> Exhibit:
    """An exhibit with the unrounded values of its rounded columns, in the order of its rows.

    Args:
        unrounded: the same, made within `words.unrounded`, so that no exhibit has to know of it.
    """
    table, other = shown.table, unrounded.table
    if table is None or other is None or table.columns != other.columns:
        return shown
    numbers = table.select(selectors.float()).columns
    keys = [name for name in table.columns if name not in numbers]
    if not table.select(keys).equals(other.select(keys)):
        # What is rounded alike may stand in another order.
        if not keys or table.select(keys).is_duplicated().any():
            return shown
        other = table.select(keys).join(
            other, on=keys, how="left", nulls_equal=True, maintain_order="left"
        )
    exact = [name for name in numbers if not table[name].equals(other[name].cast(pl.Float64))]
    if (
        not table.select(exact)
        .select(pl.all().is_null())
        .equals(other.select(exact).select(pl.all().is_null()))
    ):
        return shown
    return replace(shown, exact=other.select(exact) if exact else None)


Maker = Callable[[Board], Exhibit]
# A name, or names of which one is enough.
Needed = str | tuple[str, ...]
# Of an exhibit that is kept: some are a listing of everything.
MOST_ROWS_KEPT = 1_000


@dataclass(frozen=True)
class Conclusion:
    """Estimates of an exhibit from which a board concludes; shares in percent.

    Attributes:
        column: of its table.
        keys: columns by which a row is called.
        compared: how its arm is compared with the reference arm, in words; empty where it is not.
    """

    column: str
    keys: tuple[str, ...]
    compared: str = ""

    @property
    def unit(self) -> str:
        """Of a difference of shares, or of a share."""
        return "points" if self.column == "difference" else "%"


@dataclass(frozen=True)
class Estimand:
    """What the comparison of an efficacy exhibit is of, after ICH E9(R1).

    Attributes:
        endpoint: the variable, and when.
        events: what comes between, as death or discharge, and how each is taken.
        summary: how the arms are compared.
        population: who is compared.
    """

    endpoint: str
    events: str
    summary: str
    population: str = "all randomized"

    def __str__(self) -> str:
        """One line, as it stands above the footnotes."""
        return f"Estimand: {self.population}; {self.endpoint}; {self.events}; {self.summary}."


@dataclass(frozen=True)
class Registered:
    """One line of the registry.

    Attributes:
        topic: the module that makes it.
        page: address of the page that shows it.
        least_view: the least view in which it makes sense.
        filtered: whether it follows the Board's filters; then it says so, and is not made where
            they leave nobody.
        tab: of that page; empty where it stands outside of tabs.
        also_on: addresses of further pages that show it.
        leads: its place among what speaks for pages on the overview, 0 where it does not. The
            first of a page says its sentence, and any of them why it needs attention; pages are
            in the order of their first.
        adds: whether its sentence stands beside that of the page's first.
        conclusions: the estimates of it that a board concludes from.
        method: sentences that stand first among its footnotes, whatever the data are.
        needs: sections of the trial definition without which it cannot be made.
        data: datasets without which it cannot be made.
        title: what it is called, where its function does not say.
        population: who is counted, where its function does not say.
        estimand: what its comparison of the arms is of; every exhibit of efficacy has one.
    """

    name: str
    topic: str
    page: str
    least_view: View
    filtered: bool
    summary: str
    make: Maker
    tab: str = ""
    also_on: tuple[str, ...] = ()
    leads: int = 0
    adds: bool = False
    conclusions: tuple[Conclusion, ...] = ()
    method: tuple[str, ...] = ()
    needs: tuple[Needed, ...] = ()
    data: tuple[Needed, ...] = ()
    title: str = ""
    population: str = RANDOMIZED
    estimand: Estimand | None = None

    @property
    def pages(self) -> tuple[str, ...]:
        """Addresses of all pages that show it."""
        return (self.page, *self.also_on)

    def is_offered(self, board: Board) -> bool:
        """Whether the Board's view has it."""
        return self.least_view <= board.view


EXHIBITS: dict[str, Registered] = {}


def exhibit(
    *,
    page: str,
    least_view: View = View.POOLED,
    filtered: bool = False,
    by_day: bool = True,
    tab: str = "",
    also_on: tuple[str, ...] = (),
    leads: int = 0,
    adds: bool = False,
    conclusions: tuple[Conclusion, ...] = (),
    method: tuple[str, ...] = (),
    needs: tuple[Needed, ...] = (),
    data: tuple[Needed, ...] = (),
    title: str = "",
    population: str = RANDOMIZED,
    estimand: Estimand | None = None,
) -> Callable[[Maker], Maker]:
    """Register a function of a Board as an exhibit.

    The exhibit is named after the function; the first line of its docstring says what it shows.
    The arguments are the attributes of `Registered`, and `by_day`: whether of the filters it
    follows the study days, too.
    """

    def register(function: Maker) -> Maker:
        name = function.__name__

        @functools.wraps(function)
        def complete(board: Board) -> Exhibit:
            if board.view < least_view:
                raise NotInThisViewError(
                    f"{name} needs the {least_view.word} view; this one is {board.view.word}."
                )
            answered = board.answered_merged
            made = _made(registered, board, function)
            if not made.missing:
                made = replace(made, footnotes=(*registered.method, *made.footnotes))
            notes = made.footnotes
            if estimand and len(board.arms) > 1 and not made.missing:
                notes = (str(estimand), *notes)
            if board.view is not View.POOLED and not made.missing:
                notes = (*_without_arm(board), *notes)
            if board.answered_merged > answered and not made.missing:
                smallest = board.trial.blinding.smallest_cell
                notes += (
                    f"Groups of fewer than {smallest} are shown together with their neighbors, so "
                    "that no one can be picked out.",
                )
            chosen = board.filters if filtered else Filters()
            if not by_day and chosen != (chosen := chosen.of_people):
                notes += ("The study days of the filters do not apply to this exhibit.",)
            filters = chosen.in_words()
            population = made.population or registered.population
            return replace(
                made,
                name=name,
                title=made.title or registered.title,
                population=f"{population}; only {filters}" if filters else population,
                labels=_labels(made.table, made.labels),
                # Rows of participants are refused to whoever has a limited Board.
                lists=() if board.is_limited else made.lists,
                row_lists=() if board.is_limited else _row_lists(made),
                numbers=tuple(replace(number, people=None) for number in made.numbers)
                if board.is_limited
                else made.numbers,
                footnotes=notes,
                provenance=provenance(board) | ({"filters": filters} if filters else {}),
            )

        registered = Registered(
            name=name,
            topic=function.__module__.split(".")[1],
            page=page,
            least_view=least_view,
            filtered=filtered,
            summary=(function.__doc__ or "").strip().splitlines()[0],
            make=complete,
            tab=tab,
            also_on=also_on,
            leads=leads,
            adds=adds,
            conclusions=conclusions,
            method=method,
            needs=needs,
            data=data,
            title=title,
            population=population,
            estimand=estimand,
        )
        EXHIBITS[name] = registered
        return complete

    return register


def without_arm(board: Board) -> tuple[int, int]:
    """How many randomized participants are in no arm of this view, and how many there are."""
    answer = board.once("without arm", lambda: board.ask("arm_balance/without_arm"))
    without, randomized = answer.row(0)
    return without, randomized


def _without_arm(board: Board) -> tuple[str, ...]:
    """What is to be said where somebody randomized is in no arm of a comparative view.

    Wherever there are arms, for what counts in arms alone does not always tell them apart.
    """
    without, randomized = without_arm(board)
    if not without:
        return ()
    return (
        f"Of {randomized:,} randomized participants, {without:,} are in no arm here: theirs is not "
        "recorded, or the trial definition does not name it.",
    )


def _row_lists(made: Exhibit) -> tuple[int | None, ...]:
    """The list behind each row: as the exhibit says, else one a row where there are as many."""
    if made.row_lists or made.table is None or len(made.lists) != made.table.height:
        return made.row_lists
    return tuple(range(made.table.height))


def cannot_be_made(
    registered: Registered, trial: Trial, datasets: Collection[str]
) -> tuple[str, ...]:
    """Why an exhibit cannot be made of an extract, in sentences; none where it can.

    Args:
        registered: the exhibit.
        trial: of which a section may be missing.
        datasets: those that the extract has, and the fields that it records, as `AE.AESER`.
    """
    sections = (_alternatives(needed) for needed in registered.needs)
    relations = (_alternatives(needed) for needed in registered.data)
    return (
        *(NOT_DEFINED[any_of[0]] for any_of in sections
          if not any(getattr(trial, name) for name in any_of)),
        *(_not_there(any_of[0], datasets) for any_of in relations
          if not set(any_of) & set(datasets)),
    )  # fmt: skip


def _not_there(name: str, datasets: Collection[str]) -> str:
    dataset = name.partition(".")[0]
    return NOT_THERE[dataset] if dataset not in datasets else NOT_RECORDED[name]


def _alternatives(needed: Needed) -> tuple[str, ...]:
    return (needed,) if isinstance(needed, str) else needed


def _made(registered: Registered, board: Board, function: Maker) -> Exhibit:
    try:
        return _not_made(registered, board) or function(board.unowned())
    except NotShownError as nothing:
        return Exhibit(missing=str(nothing))


def _not_made(registered: Registered, board: Board) -> Exhibit | None:
    asked = {name for needed in registered.data for name in _alternatives(needed)}
    asked |= {name.partition(".")[0] for name in asked}
    reasons = cannot_be_made(registered, board.trial, {name for name in asked if board.has(name)})
    if reasons:
        of_a_rule = registered.page == "board-monitoring" and registered.data
        cannot = "The rules cannot be looked at. " if of_a_rule else ""
        return Exhibit(missing=cannot + reasons[0])
    return _nobody(board) if registered.filtered else None


def _nobody(board: Board) -> Exhibit | None:
    """In place of an exhibit that follows filters, where there is nobody to show."""
    people = board.ask("safety/people")["participants"]
    if not people.sum():
        return Exhibit(missing=NOBODY_LEFT if board.filters.choose_people else NOBODY)
    return None


def leading() -> dict[str, list[Registered]]:
    """By page, what speaks for it on the overview, first the page that weighs most."""
    pages: dict[str, list[Registered]] = {}
    for item in sorted(EXHIBITS.values(), key=lambda item: item.leads):
        if item.leads:
            pages.setdefault(item.page, []).append(item)
    return pages


def concluding() -> list[Registered]:
    """The exhibits that a board concludes from, in the order of their pages on the overview."""
    pages = list(leading())
    return sorted(
        (item for item in EXHIBITS.values() if item.conclusions),
        key=lambda item: (pages.index(item.page), not item.leads, item.leads),
    )


def most_first(rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Rows by counts, the most first; equal ones stay as they are.

    An answer itself is never in the order of its counts: that would tell of rows that are merged.
    """
    return rows.sort(columns, descending=True, maintain_order=True)


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
    return made.total <= MOST_ROWS_KEPT

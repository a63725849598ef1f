"""What changed since the last review?"""

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from exhibits.exhibit import (
    Conclusion,
    Exhibit,
    Maker,
    Number,
    People,
    Registered,
    concluding,
    exhibit,
    make,
)
from exhibits.parts.words import counted, day, number, rounded
from queries import Board, corrections, pairs, records_that_differ

POPULATION = "Everybody in either snapshot; filters do not apply"
NOTHING_BEFORE = (
    "There is no earlier snapshot of this trial to compare with. The next load brings one."
)
NEW, MOVED, CHANGED, VANISHED = "new", "moved", "changed", "vanished"


@dataclass(frozen=True)
class _Question:
    """Rows of a question, matched by a key, and the values that are compared."""

    name: str
    key: str
    values: tuple[str, ...]


PEOPLE = _Question(
    "changes/participants", "subject", ("reached", "ended", "reason", "day_one", "death_date")
)
EVENTS = _Question(
    "changes/events", "record_key",
    ("preferred_term", "start_date", "end_date", "grade", "is_serious", "is_fatal", "outcome"),
)  # fmt: skip


@dataclass(frozen=True)
class _Kind:
    """What is counted: the rows of a question, or those of them that have a compared value."""

    name: str
    of: _Question
    having: tuple[str, str | bool] | None = None

    def those(self, suffix: str = "") -> pl.Expr:
        """Whether a row is one of them; with a suffix, as its columns are called then."""
        if self.having is None:
            return pl.col(f"{self.of.key}{suffix}").is_not_null()
        column, value = self.having
        return pl.col(f"{column}{suffix}").eq_missing(pl.lit(value))


KINDS = (
    _Kind("Participants", PEOPLE),
    _Kind("Randomized", PEOPLE, ("reached", "randomized")),
    _Kind("Deaths", PEOPLE, ("ended", "died")),
    _Kind("Adverse events", EVENTS),
    _Kind("Serious events", EVENTS, ("is_serious", True)),
)


def before(board: Board) -> Board | None:
    """The Board of the snapshot that this one is compared with; None where there is none.

    What was chosen, else the last review before this snapshot, else the snapshot before it.
    """
    earlier = board.earlier()
    if not earlier:
        return None
    chosen = [snapshot for snapshot in earlier if str(snapshot.id) == board.compared_with]
    reviews = set(board.trial.monitoring.reviews)
    reviewed = [
        snapshot
        for snapshot in earlier
        if snapshot.manifest.cutoff in reviews
        and snapshot.manifest.cutoff < board.snapshot.manifest.cutoff
    ]
    return board.back_to((chosen or reviewed or earlier)[0])


def which_records(board: Board) -> str:
    """Of which records changes are told in this view."""
    if board.has_sealed_records:
        return "All records, sealed ones too."
    return "Open records only: of sealed ones nothing is compared here."


def _since(then: Board) -> str:
    return f"since the data cut-off {day(then.snapshot.manifest.cutoff)} ({then.snapshot.id})"


@dataclass(frozen=True)
class _Comparison:
    """The rows of a question in two snapshots.

    Attributes:
        rows: one row a new, changed or vanished row, with what it was and, `_now`, what it is.
        counts: of each kind, how many there were and how many there are by the data cut-off.
        moved: whether a row that was and is has another date.
    """

    rows: pl.DataFrame
    counts: dict[str, tuple[int, int]]
    moved: pl.Expr

    def of(self, kind: _Kind) -> pl.DataFrame:
        """The rows of a kind, with their `change`: one that is no longer of it has vanished."""
        was, is_ = kind.those(), kind.those("_now")
        return self.rows.with_columns(
            pl.when(was & is_ & self.moved)
            .then(pl.lit(MOVED))
            .when(was & is_)
            .then(pl.lit(CHANGED))
            .when(is_)
            .then(pl.lit(NEW))
            .when(was)
            .then(pl.lit(VANISHED))
            .alias("change")
        ).filter(pl.col("change").is_not_null())


def _comparison(board: Board, then: Board, question: _Question) -> _Comparison:
    """What a question's answers have that is not the same; worked out once for all exhibits."""
    return board.once(
        (question.name, str(then.snapshot.id)), lambda: _compared(board, then, question)
    )


def _compared(board: Board, then: Board, question: _Question) -> _Comparison:
    old, new = then.ask(question.name), board.ask(question.name)
    moved, there = pl.lit(value=False), new
    new = new.with_columns(pl.col(question.key).alias(_WAS))
    if question is EVENTS:
        old, there = (events.filter(~pl.col("is_beyond")) for events in (old, new))
        new = _with_keys_of_before(old, new).filter(
            ~pl.col("is_beyond") | pl.col(_WAS).is_in(old[question.key].implode())
        )
        moved = pl.col("start_date").ne_missing(pl.col("start_date_now"))
    differs = pl.any_horizontal(
        pl.col(name).ne_missing(pl.col(f"{name}_now")) for name in question.values
    )
    on_one_side = pl.col(question.key).is_null() | pl.col(f"{question.key}_now").is_null()
    return _Comparison(
        old.join(
            new, left_on=question.key, right_on=_WAS, how="full", suffix="_now", coalesce=False
        ).filter(on_one_side | differs),
        {
            kind.name: (old.filter(kind.those()).height, there.filter(kind.those()).height)
            for kind in KINDS
            if kind.of is question
        },
        moved,
    )


_WAS = "_was"
_OF_AN_EVENT = ("end_date", "grade", "is_serious", "is_fatal", "outcome")


def _with_keys_of_before(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Events of now with the keys that they had, where their date or their term was corrected.

    A key that is there no more and one that was not there before are of one event where participant
    and term are the same, the nearest onset first, and at least half of the rest; else where
    participant and onset are the same and nearly all of the rest.
    """
    was: dict[str, str] = {}
    for within, least_equal in (
        (("subject", "preferred_term"), 0.5),
        (("subject", "start_date"), 0.8),
    ):
        gone = old.filter(~pl.col("record_key").is_in([*new["record_key"], *was.values()]))
        came = new.filter(~pl.col("record_key").is_in([*old["record_key"], *was]))
        was |= {
            came.item(now, "record_key"): gone.item(then, "record_key")
            for then, now in pairs(
                gone,
                came,
                within=within,
                date="start_date",
                compared=_OF_AN_EVENT,
                least_equal=least_equal,
                nearest_first=True,
            )
        }
    return new.with_columns(pl.col("record_key").replace(was).alias(_WAS))


def _compared_with_before(make: Callable[[Board, Board], Exhibit]) -> Maker:
    """An exhibit of this snapshot and the one before; where there is none it says so."""

    @functools.wraps(make)
    def compared(board: Board) -> Exhibit:
        then = before(board)
        if then is None:
            return Exhibit(missing=NOTHING_BEFORE)
        was, is_ = _comparison(board, then, PEOPLE).counts["Participants"]
        return replace(make(board, then), denominator=f"N = {was:,} participants then, {is_:,} now")

    return compared


@exhibit(
    page="board-overview",
    population=POPULATION,
    title="What changed since the last review",
    method=(
        "Participants are matched by their identifier, events by participant, term and onset; "
        "where term or onset was corrected, by the other and by what else is recorded. Moved: "
        "the onset is another one. Changed: another of the values compared here differs. A death "
        "that is no longer recorded, and an event that no longer counts as serious, has vanished "
        "from its row though its record is there. Deaths are participants, serious events are "
        "events.",
    ),
)
@_compared_with_before
def changes_overview(board: Board, then: Board) -> Exhibit:
    """New, changed and vanished participants, deaths and events since an earlier snapshot."""
    rows: list[dict[str, Any]] = []
    for kind in KINDS:
        compared = _comparison(board, then, kind.of)
        counts = dict(compared.of(kind).group_by("change").len().rows())
        was, is_ = compared.counts[kind.name]
        rows.append(
            {"what": kind.name, "then": was, "now": is_}
            | {name: counts.get(name, 0) for name in (NEW, MOVED, CHANGED, VANISHED)}
        )
    of = {row["what"]: row for row in rows}
    vanished = _vanished(board, then)
    events = _comparison(board, then, EVENTS).of(KINDS[3])
    beyond = _beyond(events)
    told = "; ".join([*_new_and_corrected(events), *beyond])
    return Exhibit(
        answer=f"S{_since(then)[1:]}: {more(of['Randomized'][NEW], 'participant')} randomized, "
        f"{more(of['Deaths'][NEW], 'death')}, {more(of['Serious events'][NEW], 'serious event')}. "
        + (f"{told}. " if told else "")
        + (" ".join(vanished) or "No participant and no event has vanished."),
        attention=" ".join([*vanished, *(f"{sentence}." for sentence in beyond)]),
        numbers=tuple(
            Number(
                row["what"],
                f"{number(row['now'])}",
                f"{number(row[NEW])} new, {number(row[MOVED])} moved, "
                f"{number(row[CHANGED])} changed, "
                f"{number(row[VANISHED])} vanished",
            )
            for row in rows
        ),
        table=pl.DataFrame(rows),
        footnotes=(f"Compared with snapshot {then.snapshot.id}.",),
    )


# So many of what vanished are called by their names.
_NAMED = 3


def _new_and_corrected(events: pl.DataFrame) -> list[str]:
    """How many events are new, and of how many onset or term was corrected; the first by name."""
    term, now = pl.col("preferred_term"), pl.col("preferred_term_now")
    new = events.filter(change=NEW).sort(
        pl.col("is_serious_now").fill_null(value=False), descending=True, maintain_order=True
    )
    moved = events.filter(pl.col("change") == MOVED, ~pl.col("is_beyond_now"))
    renamed = events.filter(pl.col("change") == CHANGED, term != now)
    terms = [f"{was} to {is_}" for was, is_ in renamed.select(term, now).iter_rows()]
    return [
        f"{counted(len(items), one, many)} {became}: {_first(items)}"
        for one, many, became, items in (
            ("event", "events", "new", new["preferred_term_now"].to_list()),
            ("event's onset", "events' onsets", "moved", _onsets(moved)),
            ("event's term", "events' terms", "corrected", terms),
        )
        if items
    ]


def _beyond(events: pl.DataFrame) -> list[str]:
    """Which events are dated beyond the data cut-off by now, and count no more."""
    items = _onsets(events.filter(pl.col("change") == MOVED, pl.col("is_beyond_now")))
    return [
        f"{counted(len(items), 'event')} moved beyond the data cut-off: {_first(items)}"
    ] * bool(items)


def _onsets(moved: pl.DataFrame) -> list[str]:
    """`Headache, 10 Mar to 12 Mar 2023`, of each event."""
    columns = ("preferred_term_now", "start_date", "start_date_now")
    return [f"{term}, {_from_to(was, is_)}" for term, was, is_ in moved.select(columns).iter_rows()]


def _from_to(was: str | None, is_: str | None) -> str:
    """Two dates, the year once where it is the same; one that is not complete as it is written."""
    try:
        days = [date.fromisoformat(text[:10]) for text in (was or "", is_ or "")]
    except ValueError:
        days = []
    if not days or days[0] == days[1]:
        return f"{was or 'not known'} to {is_ or 'not known'}"
    first, last = (day(one) for one in days)
    same_year = days[0].year == days[1].year
    return f"{first.rsplit(' ', 1)[0] if same_year else first} to {last}"


def _first(items: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    others = len(items) - _NAMED
    return ", ".join(items[:_NAMED]) + (f" and {number(others)} more" if others > 0 else "")


def _vanished(board: Board, then: Board) -> list[str]:
    """A sentence for each kind of thing that was there and is not any more: how many, and which."""
    people, events = (
        _comparison(board, then, question).rows.sort("subject", question.key)
        for question in (PEOPLE, EVENTS)
    )
    who = ("subject", *(("arm",) if len(board.arms) > 1 else ()))
    is_there, was_serious, is_serious = (
        pl.col("record_key_now").is_not_null(),
        pl.col("is_serious").fill_null(value=False),
        pl.col("is_serious_now").fill_null(value=False),
    )
    no_death = pl.col("ended").eq_missing("died") & pl.col("ended_now").ne_missing("died")
    person_is_there = pl.col("subject_now").is_not_null()
    was_there = pl.col("record_key").is_not_null()
    kinds = (
        ("participant is", "participants are", "gone", people.filter(~person_is_there)),
        ("death is", "deaths are", "no longer recorded", people.filter(person_is_there & no_death)),
        ("serious event is", "serious events are", "gone", events.filter(~is_there & was_serious)),
        (
            "other adverse event is", "other adverse events are", "gone",
            events.filter(~is_there & ~was_serious),
        ),
        (
            "event no longer counts", "events no longer count", "as serious",
            events.filter(was_there & is_there & was_serious & ~is_serious),
        ),
    )  # fmt: skip
    return [
        f"{counted(rows.height, one, many)} {gone}: {_named(rows, who)}"
        for one, many, gone, rows in kinds
        if rows.height
    ]


def _named(rows: pl.DataFrame, who: Iterable[str]) -> str:
    """The first rows in words, and how many more there are."""
    columns = [name for name in ("preferred_term", *who) if name in rows.columns]
    named = [
        ", ".join(str(cell or "no term") for cell in row)
        for row in rows.head(_NAMED).select(columns).iter_rows()
    ]
    others = rows.height - len(named)
    return "; ".join(named) + (f"; and {number(others)} more." if others else ".")


def more(count: int, what: str) -> str:
    """`17 more participants`, `no more deaths`."""
    return f"{number(count) if count else 'no'} more {what if count == 1 else what + 's'}"


LISTED = {"difference": "Then → now"}


def _listed(board: Board, then: Board) -> pl.DataFrame:
    """One row a participant or event that is new, moved, changed or gone; the latter first."""
    parts = []
    for kind in (KINDS[0], KINDS[3]):
        changed = _comparison(board, then, kind.of).of(kind)
        pairs = [
            pl.when(
                pl.col("change").is_in([MOVED, CHANGED]),
                pl.col(name).ne_missing(pl.col(f"{name}_now")),
            ).then(
                pl.format(
                    "{}: {} → {}",
                    pl.lit(name.replace("_", " ")),
                    pl.col(name).cast(pl.String).fill_null("none"),
                    pl.col(f"{name}_now").cast(pl.String).fill_null("none"),
                )
            )
            for name in kind.of.values
        ]
        what = kind.of.values[0]
        record = [pl.coalesce(f"{what}_now", what)]
        if kind.of is EVENTS:
            is_serious = pl.coalesce("is_serious_now", "is_serious")
            record.append(pl.when(is_serious).then(pl.lit(", serious")))
        parts.append(
            changed.select(
                pl.lit(kind.name).alias("what"),
                "change",
                *(
                    pl.coalesce(f"{name}_now", name).alias(name)
                    for name in ("subject", "site", "arm")
                ),
                pl.concat_str(record, ignore_nulls=True).alias("record"),
                pl.concat_str(pairs, separator="; ", ignore_nulls=True).alias("difference"),
            )
        )
    order = pl.col("change").replace_strict({VANISHED: 0, MOVED: 1, CHANGED: 2, NEW: 3})
    return pl.concat(parts).sort(order, "what", "subject", "record", maintain_order=True)


@exhibit(
    page="board-overview",
    tab="Records",
    population=POPULATION,
    title="Changed participants and events",
    method=("What vanished comes first.",),
)
@_compared_with_before
def changes_listed(board: Board, then: Board) -> Exhibit:
    """Every participant and event that is new, changed or gone since an earlier snapshot."""
    table = _listed(board, then)
    there = set(board.ask("people/all", arm=None)["subject"])
    return Exhibit(
        answer=f"{counted(table.height, 'record')} differ {_since(then)}."
        if table.height
        else f"No participant and no event differs {_since(then)}.",
        table=table,
        labels=LISTED,
        lists=(People("Participants", "people/all", (("arm", None),)),),
        row_lists=tuple(0 if subject in there else None for subject in table["subject"]),
    )


@exhibit(
    page="board-overview",
    tab="Values",
    population="Records in both snapshots; filters do not apply",
    title="Corrected values",
    method=("One row a field, with the first of its records.",),
)
@_compared_with_before
def changed_values(board: Board, then: Board) -> Exhibit:
    """Values of records that were corrected since an earlier snapshot, old and new."""
    table = corrections(board, then.snapshot)
    total = int(table["values"].sum())
    return Exhibit(
        answer=f"{counted(total, 'value')} of records that are in both differ {_since(then)}."
        if total
        else f"No value of a record that is in both differs {_since(then)}.",
        table=table,
        labels={
            "values": "Values that differ",
            "record_key": "Record, for example",
            "old": "Then",
            "new": "Now",
        },
        footnotes=(which_records(board),),
    )


RECORDS = {
    "before": "Then",
    "after": "Now",
    "added": "New",
    "removed": "Vanished",
    "values": "Values that differ",
}
_OF_DATASET = ("dataset", "before", "after", "added", "changed", "removed", "values")


def _records(board: Board, then: Board, datasets: Collection[str] | None = None) -> pl.DataFrame:
    """One row a dataset that differs, of `datasets` or of all.

    Rows then and now, and how many are new, changed or gone.
    """
    of = dict(board.ask("views/datasets").select("relation", "dataset").rows())
    records = records_that_differ(board, then.snapshot)
    if records.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(_OF_DATASET, pl.String))
    # What is of no dataset is told under its own name: nothing is passed over.
    dataset = pl.col("relation").replace(of).alias("dataset")
    return (
        records.with_columns(dataset)
        .filter(pl.col("dataset").is_in(list(datasets)) if datasets is not None else True)
        .select(_OF_DATASET)
        .sort("dataset")
    )


@exhibit(
    page="board-overview",
    tab="Datasets",
    population="Records in either snapshot; filters do not apply",
    title="Changed records by dataset",
    method=("Records are matched by their keys; one is changed where a value differs.",),
)
@_compared_with_before
def changed_records(board: Board, then: Board) -> Exhibit:
    """Records of each dataset that are new, changed or gone since an earlier snapshot."""
    table = _records(board, then)
    return Exhibit(
        answer=_records_in_words(table, then),
        table=table,
        labels=RECORDS,
        footnotes=(which_records(board),),
    )


def _records_in_words(table: pl.DataFrame, then: Board) -> str:
    if table.is_empty():
        return f"No record differs {_since(then)}."
    new, changed, gone = (int(table[name].sum()) for name in ("added", "changed", "removed"))
    return (
        f"{counted(new, 'new record')}, {number(changed)} changed, {number(gone)} vanished "
        f"{_since(then)}."
    )


@dataclass(frozen=True)
class ChangesOfPage:
    """What changed in what a page is made of.

    Attributes:
        records: one row a dataset that differs, under `RECORDS`.
        told: the same in a sentence.
        conclusions: one row an estimate of the page that moved by more than the trial states.
        concluded: the same in a sentence; empty where the page has no such estimates.
    """

    records: pl.DataFrame
    told: str
    conclusions: pl.DataFrame
    concluded: str


def changes_of_page(board: Board, address: str, datasets: Collection[str]) -> ChangesOfPage | None:
    """What changed since the last review in the datasets and the estimates of a page.

    None where there is no earlier snapshot.

    Args:
        address: of the page.
        datasets: those that its numbers come from.
    """
    then = before(board)
    if then is None:
        return None
    records = _records(board, then, datasets)
    of_page = [item for item in concluding() if item.page == address]
    moved, looked_at = _moved_conclusions(board, then, of_page)
    return ChangesOfPage(
        records,
        _records_in_words(records, then),
        moved,
        _in_a_sentence(board, then, moved.height, looked_at) if looked_at else "",
    )


def changes_of_person(board: Board) -> tuple[pl.DataFrame, str]:
    """What changed about the chosen participant since the last review, where there was one.

    Returns:
        One row a record of theirs that is new, changed or gone, under `LISTED`, and the same in a
        sentence.
    """
    then = before(board)
    assert then is not None
    rows = _listed(board, then).filter(pl.col("subject") == board.subject)
    if rows.is_empty():
        return rows, f"Neither they nor an event of theirs differ {_since(then)}."
    return rows, (
        f"{counted(rows.height, 'record')} of theirs {'differs' if rows.height == 1 else 'differ'} "
        f"{_since(then)}."
    )


@exhibit(
    page="board-overview",
    tab="Findings",
    population="Findings of the checks of either snapshot",
    title="Findings new and resolved",
    method=("A finding is the same where check, record, field and value are.",),
)
@_compared_with_before
def changed_findings(board: Board, then: Board) -> Exhibit:
    """Findings of the checks that are new or resolved since an earlier snapshot."""
    answers = [at.ask("changes/findings") for at in (then, board)]
    rows = []
    for severity in ("critical", "major", "minor", "note"):
        was, is_ = (
            set(answer.filter(pl.col("severity") == severity)["finding"]) for answer in answers
        )
        rows.append((severity, len(was), len(is_), len(is_ - was), len(was - is_)))
    table = pl.DataFrame(rows, ["severity", "then", "now", NEW, "resolved"], orient="row")
    grave = table.filter(pl.col("severity").is_in(["critical", "major"]))
    return Exhibit(
        answer=f"{counted(int(table[NEW].sum()), 'finding')} new, of these "
        f"{number(int(grave[NEW].sum()))} critical or major; "
        f"{number(int(table['resolved'].sum()))} resolved {_since(then)}.",
        table=table,
    )


@exhibit(
    page="board-overview",
    tab="Estimates",
    population=POPULATION,
    title="Estimates that moved",
    method=(
        "Shares of participants with events, deaths and their difference, and probabilities of "
        "doing better, as the exhibits have them; where arms are told apart, positions of "
        "rules, too.",
    ),
)
@_compared_with_before
def changed_conclusions(board: Board, then: Board) -> Exhibit:
    """Estimates that moved by more than is stated, and rules whose position is another one."""
    table, looked_at = _moved_conclusions(board, then, concluding())
    return Exhibit(
        answer=_in_a_sentence(board, then, table.height, looked_at),
        table=table,
        labels=POINTS,
        assumptions=board.trial.assumptions("monitoring"),
    )


def _in_a_sentence(board: Board, then: Board, moved: int, looked_at: int) -> str:
    points = f"{board.trial.monitoring.moved_points:g} percentage points"
    if not moved:
        return (
            f"None of {counted(looked_at, 'estimate')} moved by more than {points} or crossed a "
            f"boundary {_since(then)}."
        )
    return (
        f"{counted(moved, 'estimate')} of {looked_at:,} moved by more than {points}, or crossed a "
        f"boundary, {_since(then)}."
    )


def _moved_conclusions(
    board: Board, then: Board, exhibits: Iterable[Registered]
) -> tuple[pl.DataFrame, int]:
    """The estimates that moved, and how many were looked at."""
    rows: list[tuple[Any, ...]] = []
    looked_at = 0
    offered = (item for item in exhibits if item.is_offered(board))
    for name, of in ((item.name, one) for item in offered for one in item.conclusions):
        was, is_ = (_estimates(at, name, of) for at in (then, board))
        looked_at += len(is_)
        for key, value in is_.items():
            old = was.get(key)
            moved = _moved(old, value)
            if (moved is not None and abs(moved) > board.trial.monitoring.moved_points) or (
                moved is None and old is not None and old != value
            ):
                less = f" {of.compared} {board.reference_arm}" if of.compared else ""
                words = (_in_words(estimate, of.unit) for estimate in (old, value))
                rows.append((make(name, board).title, ", ".join(key) + less, *words, moved))
    schema = dict.fromkeys(("exhibit", "estimate", "then", "now"), pl.String)
    return pl.DataFrame(rows, schema | {"moved": pl.Float64}, orient="row"), looked_at


POINTS = {"moved": "Moved, points"}


def _estimates(
    board: Board, name: str, conclusion: Conclusion
) -> dict[tuple[str, ...], float | str | bool]:
    table = make(name, board).table
    if table is None or conclusion.column not in table.columns:
        return {}
    named = [key for key in conclusion.keys if key in table.columns]
    return {
        tuple(str(row[key]) for key in named): row[conclusion.column]
        for row in table.drop_nulls(conclusion.column).iter_rows(named=True)
    }


def _moved(old: float | str | bool | None, new: float | str | bool) -> float | None:
    if isinstance(old, float | int) and isinstance(new, float | int) and not isinstance(new, bool):
        return rounded(float(new) - float(old), 1)
    return None


def _in_words(value: float | str | bool | None, unit: str) -> str:
    if isinstance(value, bool):
        return "crossed" if value else "not crossed"
    return f"{value:g} {unit}" if isinstance(value, float | int) else str(value)

"""Adverse events: which of them count, which a view leaves out, and whose they are."""

from typing import Any

from exhibits.exhibit import SERIOUSNESS, People
from exhibits.parts.populations import row_name
from exhibits.parts.words import counted, number
from queries import Board
from trials import SpecialInterest

SINCE = (
    "Events that began at randomization or later. One on day 1 counts, and so does one without a "
    "date, or with a date in part that can be either."
)

OBSERVED_DAYS = (
    "Patient-days: from randomization, that day included, to death or the recorded end of "
    "participation; without one up to the cut-off while no planned visit is overdue, else to the "
    "last contact."
)


OF_ALL_EVENTS = (
    "Rates are of all events; their intervals and differences take each participant as one "
    "observation, as several events of one are not independent (Lin, Wei, Yang & Ying 2000; t "
    "distribution, Welch 1947). No interval where participants of an arm do not differ, as where "
    "nobody has an event."
)


def sealed_events(board: Board) -> tuple[str, ...]:
    """What to say of events that this view leaves out under sealed terms."""
    if board.is_limited:
        return ("Events under terms that would tell the treatment are not among them.",)
    left_out = board.ask("safety/sealed_events")
    if left_out.is_empty():
        return ()
    at_least, terms = left_out.row(0)
    step = board.trial.blinding.smallest_cell
    size = f"fewer than {step}" if not at_least else f"{at_least:,} to {at_least + step - 1:,}"
    return (
        f"Plus {size} events under {counted(terms, 'sealed term')} that would tell the treatment, "
        "in the whole trial and whatever the filters. Their number is given in steps.",
    )


def sealed_terms(board: Board) -> tuple[str, ...]:
    """A footnote about terms of the groups under which this view has no events."""
    if board.has_sealed_records:
        return ()
    sealed = {" ".join(term.casefold().split()) for term in board.trial.sealed.preferred_terms}
    left_out = {
        term
        for group in board.trial.special_interest
        for term, _ in group.counted_terms
        if " ".join(term.casefold().split()) in sealed
    }
    if not left_out:
        return ()
    return (
        f"Events under {counted(len(left_out), 'term')} of these groups would tell the treatment: "
        "they are sealed, and are not among what is counted here.",
    )


def recorded_of_events(board: Board) -> dict[str, bool]:
    """Whether seriousness (`serious`), grades and fatal outcomes of events are recorded at all."""
    fields = {
        "serious": SERIOUSNESS,
        "grade_3": ("AE.AETOXGR", "AE.AESEV"),
        "fatal": ("AE.AEOUT", "AE.AESDTH", "AE.AETOXGR"),
    }
    return {kind: any(map(board.has, names)) for kind, names in fields.items()}


def not_recorded_of_events(board: Board) -> tuple[str, ...]:
    """A footnote about what of events the extract does not record, so that nothing counts it."""
    words = {"serious": "seriousness", "grade_3": "grades", "fatal": "fatal outcomes"}
    recorded = recorded_of_events(board)
    missing = [word for kind, word in words.items() if not recorded[kind]]
    notes = [f"Not recorded of adverse events: {', '.join(missing)}."] if missing else []
    return *notes, *_partly_recorded(board)


def _partly_recorded(board: Board) -> list[str]:
    """Of how many events something is not recorded that others have: what is counted is a least."""
    if board.is_limited:
        return []
    row = board.ask("safety/not_recorded").row(0, named=True)
    words = {"serious": "seriousness is", "grade_3": "a grade is", "fatal": "a fatal outcome is"}
    return [
        f"At least: of {number(row[kind])} of {counted(row['events'], 'event')} {word} not "
        "recorded, and they are not counted as such."
        for kind, word in words.items()
        if recorded_of_events(board)[kind] and row[kind]
    ]


def later_events(later: int | None) -> tuple[str, ...]:
    """A footnote about events that began after the participant was last observed."""
    if not later:
        return ()
    return (
        f"{counted(later, 'event')} began after the last day on which the participant was "
        "observed; no rate counts these.",
    )


def not_followed(board: Board) -> tuple[str, ...]:
    """A footnote about participants without any record since randomization."""
    people = board.ask("safety/people")["not_followed"]
    if people.null_count() or not people.sum():
        return ()
    return (
        f"{counted(int(people.sum()), 'participant')} without a record since randomization: not "
        "followed, and in no patient-day.",
    )


def list_of_events(title: str, **chosen: Any) -> People:
    """Participants with events: of an arm, a term, a body system, a range of days, a gravity."""
    nothing: dict[str, Any] = {
        "arm": None,
        "body_system": None,
        "preferred_term": None,
        "least_grade": None,
        "from_day": None,
        "to_day": None,
        "serious": False,
        "fatal": False,
    }
    return People(title, "people/with_events", tuple((nothing | chosen).items()))


def list_of_interest(
    board: Board, group: SpecialInterest | None, arm: str | None, **chosen: bool
) -> People:
    """Participants with events of a group of special interest, or of any, of an arm."""
    name = group.name if group else "Events of special interest"
    return People(
        title=row_name(board, name, arm) if arm else name,
        question="people/with_special_interest",
        values=(
            ("group", group.id if group else None),
            ("arm", arm),
            ("serious", chosen.get("serious", False)),
            ("fatal", chosen.get("fatal", False)),
        ),
    )

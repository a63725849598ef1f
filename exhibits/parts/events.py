"""Adverse events: which of them count, which a view leaves out, and whose they are."""

from typing import Any

from exhibits.exhibit import People
from exhibits.parts.words import counted
from queries import Board

SINCE = (
    "Events that began at randomization or later. One on day 1 counts, and so does one without a "
    "date, or with a date in part that can be either."
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

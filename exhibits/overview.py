"""Where does the trial stand, and what needs attention?"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from exhibits.exhibit import DEATHS, Exhibit, Number, exhibit, leading, make
from exhibits.parts.events import list_of_events, list_of_interest, recorded_of_events
from exhibits.parts.populations import BY_WHICH, End, ends, who_died
from exhibits.parts.together import any_of, shown
from exhibits.parts.words import NOT_RECORDED, counted, number
from queries import Board, Filters, NotShownError

POPULATION = "All participants; filters do not apply"
WITH_SERIOUS, OF_INTEREST = "With serious event", "With event of interest"


@dataclass(frozen=True)
class Line:
    """What a page says in one sentence.

    Attributes:
        address: of the page.
        sentence: its answer.
        attention: why it needs attention; empty where nothing does.
    """

    address: str
    sentence: str
    attention: str


def lines(board: Board, addresses: Collection[str]) -> list[Line]:
    """A line for each of some pages; what needs attention comes first, then as it weighs."""
    of_pages = []
    for address, items in leading().items():
        if address not in addresses:
            continue
        there = [item for item in items if item.is_offered(board)]
        # A limited role has what counts participants, and not what is behind it.
        shown = {item: make(item.name, board) for item in there[: 1 if board.is_limited else None]}
        first = next((item for item, made in shown.items() if made.answer), None)
        sentences = (
            _beside_attention(made) for item, made in shown.items() if item is first or item.adds
        )
        nothing = next((made.missing for made in shown.values() if made.missing), "")
        of_pages.append(
            Line(
                address,
                " ".join(filter(None, sentences)) if first else nothing,
                " ".join(made.attention for made in shown.values() if made.attention),
            )
        )
    return sorted(of_pages, key=lambda line: not line.attention)


def _beside_attention(made: Exhibit) -> str:
    return made.answer if made.beside is None or not made.attention else made.beside


@exhibit(
    page="board-overview",
    population=POPULATION,
    title="The trial at a glance",
    method=(
        "Participants; those with a serious event or one of special interest had it since "
        "randomization. " + BY_WHICH,
    ),
)
def trial_at_a_glance(board: Board) -> Exhibit:
    """Screened, randomized, followed, withdrawn, died, with serious events and of interest."""
    totals = board.ask("enrollment/totals").row(0, named=True)
    # A limited role has no choice of filters, and none is to be left out.
    everybody: dict[str, Any] = (
        {} if board.is_limited else {"filters": Filters().bound(board.trial)}
    )
    rows = [_row("Randomized", board.ask("arm_balance/allocation"), "randomized")]
    rows += [{"what": what} | end.counts for what, end in _ends_in_words(board)]
    kinds = shown(board, "safety/overview", **everybody) if board.has("AE") else None
    if kinds is not None:
        serious = kinds.filter(pl.col("kind") == "serious")
        rows += [_row(WITH_SERIOUS, serious, "participants")] if serious.height else []
    if board.has("AE") and board.trial.special_interest and not board.is_limited:
        of_interest = board.ask(
            "people/with_special_interest",
            group=None, arm=None, serious=False, fatal=False, **everybody,
        )  # fmt: skip
        nobody = dict.fromkeys(board.arms, 0)
        rows.append(nobody | _row(OF_INTEREST, of_interest.group_by("arm").len(), "len"))
    lists = {
        "Died": who_died(None),
        WITH_SERIOUS: list_of_events("Serious", serious=True),
        OF_INTEREST: list_of_interest(board, None, None),
    }
    unknown = set() if recorded_of_events(board)["serious"] else {WITH_SERIOUS}
    if not _knows_deaths(board) and not board.is_limited:
        rows.append({"what": "Died"} | dict.fromkeys(board.arms))
        unknown.add("Died")
    numbers = []
    for row in rows:
        if row["what"] in unknown:
            # In words it would be cut off there.
            numbers.append(Number(row["what"], "–", NOT_RECORDED))
            continue
        total = sum(int(row[arm]) for arm in board.arms)
        remark = (
            "; ".join(f"{arm} {number(row[arm])}" for arm in board.arms)
            if len(board.arms) > 1
            else ""
        )
        people = lists.get(row["what"]) if total else None
        numbers.append(Number(row["what"], number(total), remark, people))
    if not board.has("DS"):
        numbers.append(Number("End of participation", "–", NOT_RECORDED))
    numbers[0] = replace(
        numbers[0], value=f"{totals['randomized']:,} of {board.trial.accrual.target:,}"
    )
    return Exhibit(
        answer=_state_of_data(board),
        denominator=f"{counted(totals['screened'], 'participant')} screened",
        numbers=tuple(numbers),
        table=pl.DataFrame(rows, infer_schema_length=None),
        labels={arm: arm for arm in board.arms},
    )


# In the order in which they stand here.
WAYS = {
    "completed": "Completed",
    "in_follow_up": "In follow-up",
    "not_recorded": "End not recorded",
    "left_study": "Left the study",
    "died": "Died",
}


def _ends_in_words(board: Board) -> list[tuple[str, End]]:
    """How the study ended, and for whom: by words, in the order of `WAYS`."""
    order = list(WAYS)
    try:
        found = ends(board)
    except NotShownError:
        return []
    told = []
    for end in found:
        ways = sorted(end.ways, key=order.index)
        is_known = _knows_deaths(board) if ways == ["died"] else board.has("DS")
        if is_known and (ways != ["not_recorded"] or end.total):
            told.append((order.index(ways[0]), any_of(WAYS[way] for way in ways), end))
    return [(words, end) for _, words, end in sorted(told, key=lambda line: line[0])]


def _knows_deaths(board: Board) -> bool:
    return any(map(board.has, DEATHS))


def _row(what: str, counts: pl.DataFrame, column: str) -> dict[str, Any]:
    """Counts by arm, each under its arm's name."""
    return {"what": what, **dict(zip(counts["arm"], counts[column], strict=True))}


def _state_of_data(board: Board) -> str:
    """What the checks of the data found that stands, in a sentence; not for a limited role.

    What was found of those who were never randomized stands on the data pages alone.
    """
    if board.is_limited:
        return ""
    totals = board.ask("findings/totals").row(0, named=True)
    return (
        f"Checks of the data: {number(totals['touching_critical'])} critical and "
        f"{number(totals['touching_major'])} major findings stand, "
        f"{number(totals['touching_minor'])} minor ones and "
        f"{counted(totals['touching_note'], 'note')}."
    )

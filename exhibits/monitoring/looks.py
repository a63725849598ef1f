"""Which rules are looked at, at which reviews, and how they are called."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from exhibits.parts.theme import QUIET, arm_style, safe
from exhibits.parts.words import day
from queries import Board, Filters

POPULATION = "Randomized participants, as randomized; filters do not apply"

NOT_ON_REAL_DATA = (
    "No rule of this kind is pre-specified: the trial definition has demonstration rules only, and "
    "they are for simulated participants."
)

NO_ALPHA = (
    "A review of safety spends no error of the efficacy test, and no p-value of safety is held "
    "against it."
)


def may_run(board: Board, rules: Sequence[Any]) -> list[Any]:
    """The rules that are to be looked at here: demonstration ones on simulated data only."""
    simulated = board.snapshot.manifest.simulated
    return [rule for rule in rules if rule.status == "protocol" or simulated]


def everybody(board: Board) -> dict[str, Any]:
    """A rule is about everybody, whatever is chosen on other pages."""
    return Filters().bound(board.trial)


def watermark(rules: Sequence[Any]) -> tuple[str, ...]:
    """A footnote where a rule is not of the protocol."""
    made_up = "DEMONSTRATION RULE: made up to show this page on simulated participants."
    return (made_up,) if demonstration(rules) else ()


def name_of(rule: Any) -> str:
    """A rule as it is called in a sentence."""
    return str(rule.id).replace("-", " ").replace("_", " ")


def as_sentence(words: str) -> str:
    """Words with a capital first."""
    return f"{words[0].upper()}{words[1:]}"


def demonstration(rules: Sequence[Any]) -> str:
    """In every sentence: who reads it without footnotes must know that nobody agreed on this."""
    made_up = sum(rule.status != "protocol" for rule in rules)
    if not made_up:
        return ""
    some = "" if made_up == len(rules) else f"{made_up} of {len(rules)}: "
    return f" ({some}demonstration, not of the protocol)"


def since(row: dict[str, Any], rows: Sequence[dict[str, Any]], column: str, met: str | bool) -> str:
    """Of a rule that is met now: from which review on, or that it was not at the last one."""
    before = [
        item
        for item in rows
        if (item["rule"], item["arm"]) == (row["rule"], row["arm"]) and item["look"] < row["look"]
    ]
    if not before:
        return "no earlier review is stored"
    first = before[-1]
    for item in reversed(before):
        if item[column] != met:
            break
        first = item
    was = "already met" if first[column] == met else "not met"
    counts = f" ({first['with_event']} of {first['n']})" if "with_event" in first else ""
    return f"{was} at the review of {day(first['look'])}{counts}"


def looks(board: Board) -> Iterator[tuple[date, Board]]:
    """The reviews that were held, as each was: by its cut-off the last snapshot, then this one."""
    earlier = {snapshot.manifest.cutoff: snapshot for snapshot in reversed(board.earlier())}
    now = board.snapshot.manifest.cutoff
    for cutoff in board.trial.monitoring.looks:
        if cutoff < now and cutoff in earlier:
            yield cutoff, board.back_to(earlier[cutoff])
    yield now, board


def not_stored(board: Board) -> list[date]:
    """The looks that were planned for a cut-off up to now, and have no snapshot here."""
    now = board.snapshot.manifest.cutoff
    stored = {snapshot.manifest.cutoff for snapshot in board.earlier()} | {now}
    return [item for item in board.trial.monitoring.looks if item <= now and item not in stored]


def looks_note(board: Board) -> str:
    """A footnote on the planned reviews, and which of them are not shown."""
    monitoring = board.trial.monitoring
    now = board.snapshot.manifest.cutoff
    missing = not_stored(board)
    planned = ", ".join(map(day, monitoring.reviews)) or "not stated"
    note = f"Reviews planned at data cut-offs {planned}."
    if monitoring.declared:
        note += f" Looks declared beforehand: {', '.join(map(day, monitoring.declared))}."
    if missing:
        note += (
            f" No snapshot of {', '.join(map(day, missing))} is stored, so "
            f"{'that review is' if len(missing) == 1 else 'those reviews are'} not shown."
        )
    if now not in monitoring.looks:
        note += (
            " The present snapshot is not one of the planned reviews; it is shown as an "
            "additional look."
        )
    return note


def line_of_arm(
    board: Board, arm: str, rows: Sequence[dict[str, Any]], x: str, y: str, **more: Any
) -> dict[str, Any]:
    """A trace of an arm from look to look: the columns `x` and `y` of its rows, with marks."""
    style = arm_style(board.arms.index(arm) + 1)
    line = {
        "x": [row[x] for row in rows],
        "y": [row[y] for row in rows],
        "mode": "lines+markers",
        "line": {"color": style.color, "dash": style.dash},
        "marker": {"color": style.color, "symbol": style.symbol, "size": 12},
        "name": safe(arm),
        "text": [day(row["look"]) for row in rows],
    }
    return line | more


def stamp(rules: Sequence[Any]) -> list[dict[str, object]]:
    """Annotations that mark a figure of rules nobody agreed on."""
    if not demonstration(rules):
        return []
    return [
        {
            # In two lines, so that a telephone has room for it between the axes.
            "text": "DEMONSTRATION<br>RULE",
            "xref": "paper",
            "yref": "paper",
            "x": 0.5,
            "y": 0.5,
            "showarrow": False,
            "opacity": 0.25,
            "font": {"size": 22, "color": QUIET},
        }
    ]

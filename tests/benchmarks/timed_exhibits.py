"""How long exhibits take, in a process of their own: prints seconds of each, and the memory in MB.

    python -m tests.benchmarks.timed_exhibits TRIAL VIEW EXHIBIT...

An exhibit of one participant is made for the first who has an adverse event.
"""

import json
import re
import sys
from pathlib import Path
from time import perf_counter

from access import Action, View, command_line_identity, decide
from access.audit_key import manifest_key
from access.policy import issue_closed_session
from exhibits import make
from exhibits.parts.events import list_of_events
from queries import Board, open_board
from settings import read_settings
from snapshots import Store
from trials import load_trial


def opened(trial_name: str, view: View) -> Board:
    """The current snapshot of the store of this process's settings."""
    settings, trial = read_settings(), load_trial(trial_name)
    store = Store(settings.store, manifest_key(settings.audit_key_file))
    snapshot = store.trial(trial_name).current()
    assert snapshot is not None
    person, of = command_line_identity(), {"trial": trial_name, "snapshot": str(snapshot.id)}
    closed = issue_closed_session(person, **of, view=view, reason="a measurement")
    grant = decide(person, Action.OPEN_VIEW, **of, view=view, closed=closed)  # type: ignore[arg-type]
    assert grant is not None
    return open_board(trial, snapshot, grant, settings.board_private_key_file)


def main() -> None:
    """Make each exhibit once, in a process that has made one before."""
    trial_name, word, *names = sys.argv[1:]
    view = next(view for view in View if view.word == word)
    openings = []
    for _ in range(2):
        start = perf_counter()
        board = opened(trial_name, view)
        openings.append(perf_counter() - start)
    make("allocation", board)
    people = list_of_events("Everybody with an event")
    board.subject = board.ask(people.question, **dict(people.values))["subject"][0]
    seconds = {}
    for name in names:
        start = perf_counter()
        shown = make(name, board)
        seconds[name] = perf_counter() - start
        if shown.missing:
            raise SystemExit(f"{name} shows nothing: {shown.missing}")
    print(json.dumps({"seconds": seconds, "peak": peak_of_memory(), "openings": openings}))


def peak_of_memory() -> float:
    """The most memory (RSS) that this program has had, in MB.

    What `getrusage` tells begins with the process that started this one.
    """
    status = Path("/proc/self/status").read_text("utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


if __name__ == "__main__":
    main()

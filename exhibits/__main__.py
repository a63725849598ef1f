"""`python -m exhibits`: the numbers of the pages for scripts, with their provenance."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from access import (
    Action,
    ClosedSessionError,
    Denied,
    Grant,
    RecordsError,
    View,
    command_line_identity,
    decide,
    log_incident,
)
from access.audit_key import manifest_key
from command_line import CommandLine, Exit, run_command, without_pandas
from exhibits import EXHIBITS, Exhibit, NotInThisViewError, make, offered
from exhibits.exhibit import with_exact
from exhibits.export import as_csv
from exhibits.parts.words import unrounded
from queries import BoardError, open_board
from settings import SettingsError, read_settings
from snapshots import NoSuchSnapshotError, SnapshotsError, Store, StoreError
from trials import TrialDefinitionError, load_trial, with_standard_queries


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.command == "list":
        for item in offered(View.UNBLINDED):
            print(f"{item.name:32} {item.topic:14} {item.least_view.word:10} {item.summary}")
        return Exit.DONE
    if asked.name not in EXHIBITS:
        print(f"There is no exhibit {asked.name!r}; see `exhibits list`.", file=sys.stderr)
        return Exit.USAGE
    try:
        _print(_made(asked), asked)
    except (
        ClosedSessionError, NoSuchSnapshotError, NotInThisViewError, TrialDefinitionError,
    ) as error:  # fmt: skip
        print(error, file=sys.stderr)
        return Exit.USAGE
    except (BoardError, Denied, RecordsError, SettingsError, SnapshotsError) as error:
        print(error, file=sys.stderr)
        return Exit.IN_THE_WAY
    except Exception as error:
        # The message and traceback of a fault may carry a value from the data.
        number = log_incident(error, page=f"exhibit {asked.name}", role="command line")
        print(f"This exhibit could not be made. Please report incident {number}.", file=sys.stderr)
        return Exit.IN_THE_WAY
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="python -m exhibits",
        description=__doc__,
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=CommandLine)
    commands.add_parser("list", help="every exhibit, its topic and least view")
    show = commands.add_parser("show", help="one exhibit's numbers")
    show.add_argument("name")
    show.add_argument("--trial", required=True)
    show.add_argument("--snapshot", help="snapshot id; without it the current one")
    show.add_argument("--view", default="pooled", choices=[view.word for view in View])
    show.add_argument("--reason", default="command line", help="why, for the record")
    show.add_argument("--store", type=Path)
    form = show.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--csv", action="store_true")
    return parser


def _made(asked: argparse.Namespace) -> Exhibit:
    settings = read_settings(store=asked.store)
    trial = with_standard_queries(load_trial(asked.trial), settings.smq_file)
    stores = Store(settings.store, manifest_key(settings.audit_key_file))
    store = stores.trial(trial.id)
    snapshot = store.snapshot(asked.snapshot) if asked.snapshot else store.current()
    if snapshot is None:
        raise StoreError(f"Trial {trial.id} has no snapshot in {settings.store}. Load an extract.")
    if not snapshot.authenticated:
        print("Not authenticated: there is no audit key (DSMB_AUDIT_KEY_FILE).", file=sys.stderr)
    view = View.from_word(asked.view)
    closed = None
    if view is not View.POOLED:
        from access.closed_session import at_command_line
        from access.trail import open_trail

        trail = open_trail(settings.records_url, settings.audit_key_file)
        trail.check_continues(stores.last_mark())
        closed = at_command_line(
            trail,
            trial=trial.id,
            snapshot=str(snapshot.id),
            view=view,
            resource=f"exhibit {asked.name}",
            reason=asked.reason,
        )
    grant = decide(
        command_line_identity(),
        Action.OPEN_VIEW,
        trial=trial.id,
        snapshot=str(snapshot.id),
        view=view,
        minutes=settings.grant_minutes,
        closed=closed,
    )
    assert isinstance(grant, Grant)
    with closing(open_board(trial, snapshot, grant, settings.board_private_key_file)) as board:
        shown = make(asked.name, board)
    if not asked.json:
        return shown
    # What a Board keeps is rounded, so the unrounded numbers are made with another.
    with (
        closing(open_board(trial, snapshot, grant, settings.board_private_key_file)) as board,
        unrounded(),
    ):
        return with_exact(shown, make(asked.name, board))


def _print(shown: Exhibit, asked: argparse.Namespace) -> None:
    if asked.json:
        print(json.dumps(shown.as_data(), ensure_ascii=False, indent=2))
    elif asked.csv:
        sys.stdout.write(as_csv(shown))
    else:
        print(shown.title)
        for line in (shown.answer, shown.missing, f"{shown.population}; {shown.denominator}"):
            if line:
                print(line)
        if shown.table is not None:
            import polars as pl

            # As wide as it takes: in a column that is too narrow words are cut within.
            with pl.Config(
                tbl_rows=-1,
                tbl_cols=-1,
                tbl_width_chars=-1,
                fmt_str_lengths=80,
                tbl_hide_dataframe_shape=True,
            ):
                print(shown.rows())
        for note in shown.footnotes:
            print(f"- {note}")
        for what, reason in shown.assumptions:
            print(f"- Assumed, {what}: {reason}")
        print("; ".join(f"{name}: {value}" for name, value in shown.provenance.items()))


if __name__ == "__main__":
    without_pandas()
    run_command(main)

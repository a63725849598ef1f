"""`python -m access`: the board's keys, the settings in force, releases, the audit trail."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from access.errors import AuditError, RecordsError
from command_line import CommandLine, Exit, fault, run_command, without_pandas
from settings import Settings, SettingsError, described_settings, read_settings
from snapshots import SnapshotsError, Store, check_files, check_vouched_for, new_key_pair

if TYPE_CHECKING:
    from access.trail import Trail


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.run(asked)
    except (SnapshotsError, SettingsError, RecordsError) as error:
        print(error, file=sys.stderr)
        return Exit.IN_THE_WAY
    except Exception as error:
        print(fault(error), file=sys.stderr)
        return Exit.IN_THE_WAY
    return code


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog="python -m access",
        description=__doc__,
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=CommandLine)
    keys = commands.add_parser("keys", help="the board's key pair")
    keys.add_argument("act", choices=["new"])
    keys.add_argument("folder", type=Path, metavar="DIR")
    keys.set_defaults(run=_keys)
    listing = commands.add_parser("settings", help="each setting with its origin")
    listing.set_defaults(run=_settings)

    release = commands.add_parser("release", help="let the sponsor see a snapshot")
    release.add_argument("trial", metavar="TRIAL")
    release.add_argument("snapshot", metavar="SNAPSHOT")
    release.set_defaults(run=_release)

    records = commands.add_parser("records", help="the records database")
    records.add_argument("act", choices=["new"], help="make it, for a new installation")
    records.set_defaults(run=_new_records)

    audit = commands.add_parser("audit", help="the audit trail")
    acts = audit.add_subparsers(dest="act", required=True, parser_class=CommandLine)
    new_key = acts.add_parser("new-key", help="make an audit key")
    new_key.add_argument("file", type=Path, metavar="FILE")
    new_key.set_defaults(run=_new_audit_key)
    verify = acts.add_parser("verify", help="prove that no row was changed, or name the first")
    verify.add_argument(
        "--checkpoint",
        type=Path,
        metavar="FILE",
        help="what `audit checkpoint` printed, kept elsewhere: finds what was cut off or rewritten",
    )
    verify.set_defaults(run=_verify)
    checkpoint = acts.add_parser("checkpoint", help="print count and head, to be kept elsewhere")
    checkpoint.set_defaults(run=_checkpoint)
    export = acts.add_parser("export", help="print rows, the newest first; this is recorded too")
    form = export.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="the default")
    form.add_argument("--json", action="store_true")
    moment = "YYYY-MM-DD, or with a time, in UTC unless it says otherwise"
    export.add_argument("--since", type=_first_moment, metavar="WHEN", help=moment)
    export.add_argument("--until", type=_last_moment, metavar="WHEN", help=f"{moment}; included")
    for name, text in (
        ("act", "as it is recorded, such as 'view opened'"),
        ("person", "issuer/subject, or subject or name alone"),
        ("role", "such as board"),
        ("trial", "the trial's name"),
        ("outcome", "done, refused, intended or failed"),
    ):
        export.add_argument(
            f"--{name}",
            action="append",
            default=[],
            dest=f"only_{name}",
            help=f"{text}; repeatable",
        )
    export.add_argument("--reason", default="", metavar="TEXT", help="text within the reason")
    export.set_defaults(run=_export)
    return parser


def _first_moment(text: str) -> datetime:
    return _moment(text, timedelta(0), timedelta(0))


def _last_moment(text: str) -> datetime:
    """The first moment that is too late."""
    return _moment(text, timedelta(days=1), timedelta(microseconds=1))


def _moment(text: str, after_day: timedelta, after_time: timedelta) -> datetime:
    try:
        if len(text) == len("2023-09-30"):
            return datetime.combine(date.fromisoformat(text), time(tzinfo=UTC)) + after_day
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)) + after_time
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a date like 2023-09-30 nor a time like 2023-09-30T14:00"
        ) from None


def _keys(asked: argparse.Namespace) -> int:
    public, private = new_key_pair(asked.folder)
    print(f"Public key:  {public}   a load needs it (DSMB_BOARD_PUBLIC_KEY_FILE)")
    print(f"Private key: {private}   comparative views need it")
    print("Keep the private key with the board. A lost private key is a lost sealed store.")
    return Exit.DONE


def _release(asked: argparse.Namespace) -> int:
    from access.audit_key import manifest_key
    from access.entries import command_line_actor
    from access.releases import release
    from access.trail import open_trail

    settings = read_settings()
    store = Store(settings.store, manifest_key(settings.audit_key_file))
    snapshot = store.trial(asked.trial).snapshot(asked.snapshot)
    check_vouched_for(snapshot)
    check_files(snapshot)
    trail = open_trail(settings.records_url, settings.audit_key_file)
    trail.check_continues(store.last_mark())
    release(
        trail,
        command_line_actor(),
        trial=asked.trial,
        snapshot=str(snapshot.id),
    )
    print(f"The sponsor now sees {snapshot.id} of {asked.trial}, and no other snapshot of it.")
    return Exit.DONE


def _settings(_asked: argparse.Namespace) -> int:
    for name, value, origin, meaning in described_settings():
        print(f"{name:24} {value:40} {origin:12} {meaning}")
    return Exit.DONE


def _new_records(_asked: argparse.Namespace) -> int:
    from access.audit_key import manifest_key
    from access.records import shown_url
    from access.trail import open_trail

    settings = read_settings()
    store = Store(settings.store, manifest_key(settings.audit_key_file))
    # Where a load was recorded, records that are not there are lost, and are not made anew.
    is_new = store.last_mark() is None
    trail = open_trail(settings.records_url, settings.audit_key_file, new=is_new)
    rows, _ = trail.extent()
    what = f"{rows} rows are there already" if rows else "nothing is recorded yet"
    print(f"Records: {shown_url(settings.records_url)}   {what}")
    return Exit.DONE


def _new_audit_key(asked: argparse.Namespace) -> int:
    from access.audit_key import new_audit_key

    new_audit_key(asked.file)
    print(f"Audit key: {asked.file}   loads, the dashboard and views by arm need it")
    print("Set DSMB_AUDIT_KEY_FILE to it, and keep a copy: without it the trail proves nothing.")
    return Exit.DONE


def _verify(asked: argparse.Namespace) -> int:
    from access.audit_key import manifest_key
    from access.records import shown_url
    from access.trail import open_trail

    settings = read_settings()
    kept = None if asked.checkpoint is None else _text_of(asked.checkpoint)
    trail = open_trail(settings.records_url, settings.audit_key_file)
    store = Store(settings.store, manifest_key(settings.audit_key_file))
    verdict = trail.verify(kept)
    problem = verdict.problem
    if problem is None:
        try:
            for one in store.trials():
                for name in one.ids():
                    one.snapshot(name)  # in one that cannot be read, there may be a later mark
            trail.check_continues(store.last_mark())
        except (AuditError, SnapshotsError) as error:
            problem = str(error)
    if problem is not None:
        print(f"The audit trail is broken. {problem}", file=sys.stderr)
        return Exit.BROKEN
    if verdict.rows == 0:
        print(f"Nothing has been recorded in {shown_url(settings.records_url)} yet.")
        return Exit.DONE
    against = " and agrees with the checkpoint" if kept is not None else ""
    _, since = trail.extent()
    rows = "1 row" if verdict.rows == 1 else f"{verdict.rows} rows"
    print(f"The audit trail is whole{against}: {rows} since {since}.")
    for entry in trail.outstanding():
        print(
            f"Without an outcome, so still under way or cut short: row {entry.sequence}, "
            f"{entry.act}, {entry.holder}, {entry.at}."
        )
    _tell_emergencies(trail)
    return Exit.DONE


def _tell_emergencies(trail: "Trail") -> None:
    """Who was unblinded in an emergency, by trial: how many, how close together, and when."""
    from access.emergencies import most_within_a_day, participants, unblinded
    from exhibits.parts.words import counted

    found = unblinded(trail)
    for trial in sorted({one.trial for one in found}):
        here = [one for one in found if one.trial == trial]
        print(
            f"Emergency unblinding in {trial}: {counted(participants(here), 'participant')}, "
            f"at most {most_within_a_day(here)} within 24 hours."
        )
        for one in here:
            print(f"  {one.at.isoformat(timespec='seconds')}, row {one.row}, by {one.holder}")


def _checkpoint(_asked: argparse.Namespace) -> int:
    from access.trail import open_trail

    settings = read_settings()
    print(open_trail(settings.records_url, settings.audit_key_file).checkpoint())
    return Exit.DONE


def _export(asked: argparse.Namespace) -> int:
    from access.entries import command_line_actor
    from access.trail import Filter, open_trail
    from access.trail_table import trail_json, trail_table
    from exhibits.export import table_as_csv

    settings: Settings = read_settings()
    where = Filter(
        since=asked.since,
        until=asked.until,
        acts=tuple(asked.only_act),
        people=tuple(asked.only_person),
        roles=tuple(asked.only_role),
        trials=tuple(asked.only_trial),
        outcomes=tuple(asked.only_outcome),
        reason=asked.reason,
    )
    trail = open_trail(settings.records_url, settings.audit_key_file)
    # Read first, so that the row about this export is not a part of it; given out when recorded.
    entries = trail.select(where)
    trail.write("download", command_line_actor(), resource="audit trail", reason=where.in_words())
    text = trail_json(entries) + "\n" if asked.json else table_as_csv(trail_table(entries))
    sys.stdout.write(text)
    return Exit.DONE


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise AuditError(f"The checkpoint {path} cannot be read: {error.strerror}.") from None


if __name__ == "__main__":
    without_pandas()
    run_command(main)

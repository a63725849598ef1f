"""`python -m data_validation`: simulate, check, load, snapshots, diff, schema, demonstration."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from access import RecordsError
from command_line import CommandLine, Exit, fault, run_command, without_pandas
from settings import Settings, SettingsError, read_settings
from snapshots import (
    OPEN_FILE,
    LoadUnderWay,
    NoSuchSnapshotError,
    RecordsMark,
    SnapshotId,
    SnapshotsError,
    Store,
    StoreError,
    TrialStore,
    check_file,
    check_files,
    check_vouched_for,
    compare,
    new_key_pair,
    read_private_key,
)
from trials import Trial, TrialDefinitionError, available_trials, load_trial

if TYPE_CHECKING:
    from access.trail import Trail
    from data_validation.assess import Assessment
    from data_validation.load import Loaded
    from data_validation.readers import Limits

DEMONSTRATION_TRIAL = "nct05689008"
_STANDARD_OUTPUT = Path("-")

console = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        settings = read_settings(store=getattr(asked, "store", None))
        code: int = asked.run(asked, settings)
    except Exception as error:
        return _say(*_conclusion(error))
    return code


def _conclusion(error: Exception) -> tuple[str, Exit]:
    """What to say of an error, and the exit code."""
    match error:
        case LoadUnderWay():
            return str(error), Exit.UNDER_WAY
        case TrialDefinitionError() | NoSuchSnapshotError():
            return str(error), Exit.USAGE
        case SnapshotsError() | SettingsError() | RecordsError():
            return str(error), Exit.IN_THE_WAY
        case OSError():
            return f"{error.filename or 'A file'}: {error.strerror}.", Exit.IN_THE_WAY
    return fault(error), Exit.IN_THE_WAY


def _say(text: object, code: int) -> int:
    console.print(str(text), markup=False)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(prog="python -m data_validation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=CommandLine)

    simulate = commands.add_parser("simulate", help="write a simulated extract")
    simulate.add_argument("--trial", default=DEMONSTRATION_TRIAL)
    simulate.add_argument("--out", type=Path, required=True, metavar="DIR")
    simulate.add_argument("--participants", type=_at_least_one, default=60)
    simulate.add_argument("--sites", type=_at_least_one, default=1)
    simulate.add_argument("--seed", type=int, default=7)
    simulate.add_argument("--cutoff", type=_day, help="data cut-off, YYYY-MM-DD")
    simulate.add_argument("--format", choices=["csv", "parquet", "xpt"], default="csv")
    simulate.add_argument(
        "--defects",
        choices=["clean", "typical", "hostile"],
        default="clean",
        help="what is wrong with it; listed in DIR.defects.csv, beside the extract",
    )
    simulate.add_argument(
        "--habit",
        action="append",
        default=[],
        metavar="HABIT",
        help="record the same otherwise: no list, DS only, DM only, reasons not opened, no ends, "
        "several gases, no VISIT, month-only dates, no seriousness, no limits; can be repeated",
    )
    simulate.set_defaults(run=_simulate)

    for name, run, text in (
        ("check", _check, "report what is wrong with an extract; change nothing"),
        ("load", _load, "check an extract, seal it, and make it the current snapshot"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("extract", type=Path, help="a folder or a .zip file")
        command.add_argument("--trial", required=True)
        command.add_argument("--cutoff", type=_day, help="data cut-off, YYYY-MM-DD")
        command.add_argument(
            "--json", type=Path, metavar="FILE", help="write findings as JSON; - is standard output"
        )
        command.add_argument(
            "--xlsx", type=Path, metavar="FILE", help="write findings and queries as a workbook"
        )
        if name == "load":
            command.add_argument("--store", type=Path, help="folder of the snapshots")
        command.set_defaults(run=run)

    listing = commands.add_parser(
        "snapshots", help="list the snapshots of a trial; verify that they are as they were loaded"
    )
    listing.add_argument(
        "act",
        nargs="?",
        choices=["list", "verify", "vouch-for"],
        default="list",
        help="vouch-for: the snapshot of an earlier version of this program is as it was loaded",
    )
    listing.add_argument("snapshot", nargs="?", help="snapshot id, to vouch for")
    listing.add_argument("--trial", required=True)
    listing.add_argument("--store", type=Path)
    listing.set_defaults(run=_snapshots)

    difference = commands.add_parser("diff", help="compare the open part of two snapshots")
    difference.add_argument("--trial", required=True)
    difference.add_argument("--store", type=Path)
    difference.add_argument("old", help="snapshot id")
    difference.add_argument("new", help="snapshot id")
    difference.set_defaults(run=_diff)

    schema = commands.add_parser("schema", help="print what has to hold of a dataset's values")
    schema.add_argument("dataset", nargs="+", type=str.upper, help="AE, LB, …; or all of them")
    schema.add_argument(
        "--json", type=Path, metavar="FILE", help="export it as JSON; - is standard output"
    )
    schema.set_defaults(run=_schema)

    demonstration = commands.add_parser(
        "demonstration", help="make and load simulated participants, unless there is a snapshot"
    )
    demonstration.set_defaults(run=_demonstration)
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a date; write it as 2023-09-30"
        ) from None


def _at_least_one(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def _simulate(asked: argparse.Namespace, _settings: Settings) -> int:
    from simulator import write_simulated

    trial = load_trial(asked.trial)
    try:
        with console.status("simulating"):
            rows = write_simulated(
                trial,
                asked.out,
                participants=asked.participants,
                sites=asked.sites,
                seed=asked.seed,
                cutoff=asked.cutoff,
                defects=asked.defects,
                format=asked.format,
                habits=asked.habit,
            )
    except ValueError as error:
        return _say(error, Exit.USAGE)
    output.print(f"{len(rows)} datasets, {sum(rows.values())} rows in {asked.out}", markup=False)
    return Exit.DONE


def _limits(settings: Settings) -> "Limits":
    from data_validation.readers import Limits

    try:
        return Limits(
            total_bytes=settings.extract_limit_bytes, declared_encoding=settings.extract_encoding
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None


def _check(asked: argparse.Namespace, settings: Settings) -> int:
    from data_validation.assess import UnusableExtractError
    from data_validation.load import reason_to_refuse
    from data_validation.readers import UnreadableExtract

    trial = load_trial(asked.trial)
    sees_sealed = _sees_sealed(settings)
    try:
        assessment = _assess(asked, trial, settings)
    except (UnreadableExtract, UnusableExtractError) as error:
        return _unreadable(error, asked)
    _remark(assessment, sees_sealed=sees_sealed)
    refused = f"A load would refuse: {reason_to_refuse(assessment)}" if assessment.critical else ""
    _report(assessment, asked, refused, sees_sealed=sees_sealed)
    return _say(refused, Exit.REFUSED) if refused else Exit.DONE


def _load(asked: argparse.Namespace, settings: Settings) -> int:
    from access.entries import command_line_actor
    from access.trail import open_trail
    from data_validation.assess import UnusableExtractError
    from data_validation.load import RefusedError, load
    from data_validation.readers import UnreadableExtract

    trial = load_trial(asked.trial)
    sees_sealed = _sees_sealed(settings)
    store = _store(settings)
    # Records are made with the first load; from then on they are there, or nothing is loaded.
    is_first = store.is_empty()
    trail = open_trail(settings.records_url, settings.audit_key_file, new=is_first)
    trail.check_continues(store.last_mark())
    recorded = trail.recorded(
        "load",
        command_line_actor(),
        trial=trial.id,
        resource=f"extract {asked.extract.absolute()}",
        refusals=(UnreadableExtract, UnusableExtractError, RefusedError),
    )
    loaded: Loaded | None = None
    try:
        with _progress() as say, recorded as underway:
            loaded = load(
                asked.extract,
                trial,
                store,
                settings.board_public_key_file,
                cutoff=asked.cutoff,
                limits=_limits(settings),
                records=_mark_of(trail),
                named=_named_in(trail, trial.id),
                progress=say,
            )
            underway.snapshot = str(loaded.snapshot.id)
            if loaded.assessment is None:
                underway.reason = "loaded already"
        assessment = loaded.assessment
        if assessment is None and (asked.json or asked.xlsx):
            # The same extract, program and definition: what the first load reported.
            assessment = _assess(asked, trial, settings)
        if assessment is not None:
            _remark(assessment, sees_sealed=sees_sealed)
            _report(assessment, asked, sees_sealed=sees_sealed)
    except (UnreadableExtract, UnusableExtractError) as error:
        return _unreadable(error, asked)
    except RefusedError as error:
        _remark(error.assessment, sees_sealed=sees_sealed)
        _report(error.assessment, asked, str(error), sees_sealed=sees_sealed)
        return _say(error, Exit.REFUSED)
    except Exception as error:
        if loaded is None:
            raise
        return _say(_conclusion(error)[0], Exit.UNREPORTED)
    finally:
        # True by now, even where what follows a load has failed.
        if loaded is not None:
            _told(asked).print(_what_is_current(loaded, settings), markup=False)
    return Exit.DONE


def _assess(asked: argparse.Namespace, trial: Trial, settings: Settings) -> "Assessment":
    from data_validation.assess import assess
    from data_validation.readers import read_extract

    with _progress() as say:
        extract = read_extract(asked.extract, limits=_limits(settings), progress=say)
        return assess(extract, trial, asked.cutoff, progress=say)


def _what_is_current(loaded: "Loaded", settings: Settings) -> str:
    snapshot = loaded.snapshot
    if loaded.assessment is not None:
        rows = sum(total.rows for total in snapshot.manifest.control_totals)
        return f"Snapshot {snapshot.id} of {snapshot.manifest.trial} is current ({rows} open rows)."
    current = Store(settings.store).trial(snapshot.manifest.trial).current_id()
    stays = "" if current == snapshot.id else f" The later {current} stays current."
    return f"This extract is loaded already, as snapshot {snapshot.id}.{stays}"


def _unreadable(error: Exception, asked: argparse.Namespace) -> int:
    """Say what cannot be read, and write it where findings were asked for: nothing is lost."""
    sentences = str(error).splitlines()
    if asked.json is not None:
        _write_json(asked.json, {"refused": sentences, "findings": []})
    if asked.xlsx is not None:
        _write_xlsx(asked.xlsx, {"Refused": pl.DataFrame({"refused": sentences})})
    return _say(error, Exit.REFUSED)


def _sees_sealed(settings: Settings) -> bool:
    """Whether the board's private key is at hand; asked first, so that a bad key stops all."""
    if settings.board_private_key_file is None:
        return False
    read_private_key(settings.board_private_key_file)
    return True


def _shown_findings(assessment: "Assessment", *, sees_sealed: bool) -> pl.DataFrame:
    """Open findings; with the board's private key at hand, sealed ones too, with file and row."""
    if not sees_sealed:
        return assessment.open_findings
    return pl.concat([assessment.open_findings, assessment.sealed_findings], how="diagonal")


def _remark(assessment: "Assessment", *, sees_sealed: bool) -> None:
    """How files were read, and what was left aside; it follows from what is sealed in them, too."""
    if sees_sealed:
        for remark in assessment.remarks:
            console.print(remark, markup=False)
    elif count := len(assessment.remarks):
        files = "1 remark" if count == 1 else f"{count} remarks"
        console.print(
            f"{files} on how files were read: shown where the board's private key is at hand "
            "(DSMB_BOARD_PRIVATE_KEY_FILE).",
            markup=False,
        )


def _report(
    assessment: "Assessment", asked: argparse.Namespace, refused: str = "", *, sees_sealed: bool
) -> None:
    from data_validation.findings import counts
    from exhibits.parts.words import NOT_RECORDED

    findings = _shown_findings(assessment, sees_sealed=sees_sealed)
    queries = _queries(findings, assessment.open_relations["participant"])
    notes = findings.filter(audience="export").select(
        "domain", "field", "value", "records", "message", "query", "severity", "finding"
    )
    facts, missing = _what_it_shows(assessment)
    if asked.json is not None:
        written = {
            "refused": [refused] if refused else [],
            "facts": facts.to_dicts(),
            "cannot_be_shown": missing.to_dicts(),
            "findings": findings.to_dicts(),
            "questions_to_sites": queries.to_dicts(),
            "notes_on_the_export": notes.to_dicts(),
        }
        _write_json(asked.json, written)
    found = counts(findings)
    by_check = findings.group_by("check", "severity", "message", maintain_order=True).agg(
        pl.len().alias("findings"), pl.col("records").sum()
    )
    if asked.xlsx is not None:
        summary = {"trial": assessment.trial.id, "data cut-off": assessment.cutoff.isoformat()}
        summary |= {"refused": refused, **{name: str(count) for name, count in found.items()}}
        tables = {
            "Queries": queries,
            "Notes on the export": notes,
            "Findings": findings,
            "Checks": by_check,
            "Facts": facts,
            "Cannot be shown": missing,
        }
        about = pl.DataFrame({"about": list(summary), "value": list(summary.values())})
        _write_xlsx(asked.xlsx, {"Summary": about} | tables)
    table = Table("Check", "Severity", "Records", "Finding", box=None)
    for check, severity, message, _, count in by_check.rows():
        table.add_row(str(check), str(severity), str(count), str(message))
    if by_check.height:
        _told(asked).print(table)
    table = Table("Fact", "Source", "Known of", box=None)
    for fact, source, count, of in facts.rows():
        table.add_row(fact, source or NOT_RECORDED, f"{count:,} of {of:,}" if source else "")
    _told(asked).print(table)
    if missing.height:
        table = Table("Cannot be shown", "Why", box=None)
        for reason, names in missing.rows():
            table.add_row(escape(names), escape(reason))
        _told(asked).print(table)
    _told(asked).print(
        "Findings: " + ", ".join(f"{count} {severity}" for severity, count in found.items()),
        markup=False,
    )


def _what_it_shows(assessment: "Assessment") -> tuple[pl.DataFrame, pl.DataFrame]:
    """The facts that pages will stand on, and the exhibits that cannot be made, worst first.

    Returns:
        One row a fact: `fact`, `source`, null where none records it, `known`, `of`; and one row a
        reason: `reason`, `exhibit`.
    """
    import exhibits  # noqa: F401 – importing it registers them
    from access import View
    from exhibits.intake import cannot_be_shown

    facts = assessment.open_relations["known_fact"].sort(
        pl.col("source").is_not_null(), "position", maintain_order=True
    )
    recorded = assessment.open_relations["recorded"].filter("is_recorded")
    there = {f"{dataset}.{field}" for dataset, field in recorded.select("dataset", "field").rows()}
    datasets = assessment.complete_relations["dataset"].filter("present")["dataset"]
    missing = cannot_be_shown(assessment.trial, there | set(datasets), View.CODED)
    return facts.drop("position"), missing


def _told(asked: argparse.Namespace) -> Console:
    """Where the report for people goes: aside, where standard output is for a program."""
    return console if asked.json == _STANDARD_OUTPUT else output


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is being done, on standard error while it lasts; nothing where that is no terminal."""
    with console.status("starting") as status:
        # The name of a file may look like markup.
        yield lambda text: status.update(escape(text))


def _queries(findings: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """What to ask each site, a row a question, by site and subject."""
    sites = people.select("subject", "site").unique("subject", keep="first", maintain_order=True)
    return (
        findings.filter(pl.col("subject").is_not_null(), pl.col("audience") == "site")
        .join(sites, on="subject", how="left", maintain_order="left")
        .sort("site", "subject", maintain_order=True, nulls_last=True)
        .select("site", "subject", "domain", "field", "value", "query", "severity", "finding")
    )


def _write_json(path: Path, content: object) -> None:
    to_output = path == _STANDARD_OUTPUT
    text = json.dumps(content, ensure_ascii=to_output, indent=2, default=str)
    if to_output:
        sys.stdout.write(text + "\n")
    else:
        _write(path, text.encode())


def _write_xlsx(path: Path, tables: dict[str, pl.DataFrame]) -> None:
    from exhibits.export import as_xlsx

    _write(path, as_xlsx(tables))


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        # A failed write, unlike a failed open, does not say by itself which file it was about.
        error.filename = str(path)
        raise


def _named_in(trail: "Trail", trial: str) -> list[SnapshotId]:
    from access.releases import named_snapshots

    named = []
    for name in named_snapshots(trail, trial):
        with suppress(NoSuchSnapshotError):
            named.append(SnapshotId.parse(name))
    return named


def _mark_of(trail: "Trail") -> RecordsMark:
    first, row, code = trail.mark()
    return RecordsMark(first=first, row=row, code=code)


def _store(settings: Settings) -> Store:
    from access.audit_key import manifest_key

    return Store(settings.store, manifest_key(settings.audit_key_file))


def _snapshots(asked: argparse.Namespace, settings: Settings) -> int:
    store = _store(settings).trial(load_trial(asked.trial).id)
    if asked.act == "verify":
        return _verify(store)
    if asked.act == "vouch-for":
        return _vouch_for(store, asked, settings)
    current = store.current_id()
    table = Table("Snapshot", "Cut-off", "Loaded (UTC)", "Open rows", "Major findings", "")
    for snapshot in store.snapshots():
        manifest = snapshot.manifest
        table.add_row(
            str(snapshot.id),
            manifest.cutoff.isoformat(),
            f"{manifest.loaded_at:%Y-%m-%d %H:%M}",
            str(sum(total.rows for total in manifest.control_totals)),
            str(manifest.findings.get("major", 0)),
            "current" if snapshot.id == current else "",
        )
    if table.row_count == 0:
        output.print(f"Trial {asked.trial} has no snapshot in {settings.store}.", markup=False)
    else:
        output.print(table)
    return Exit.DONE


def _verify(store: TrialStore) -> int:
    """Hold each snapshot against what was written at its load, and say what is not as it was."""
    broken = False
    for name in store.ids():
        try:
            snapshot = store.snapshot(name)
            check_files(snapshot)
        except StoreError as error:
            broken = True
            _say(error, Exit.BROKEN)
            continue
        what = "whole, and vouched for" if snapshot.authenticated else "whole, but not vouched for"
        broken |= store.key is not None and not snapshot.authenticated
        output.print(f"{name}: {what}.")
    return Exit.BROKEN if broken else Exit.DONE


def _vouch_for(store: TrialStore, asked: argparse.Namespace, settings: Settings) -> int:
    from access.entries import command_line_actor
    from access.trail import open_trail

    snapshot = store.snapshot(asked.snapshot or "")
    check_files(snapshot)
    trail = open_trail(settings.records_url, settings.audit_key_file)
    with trail.recorded(
        "snapshot vouched for", command_line_actor(), trial=store.name, snapshot=str(snapshot.id)
    ):
        store.vouch_for(snapshot)
    output.print(f"Snapshot {snapshot.id} is vouched for from now on.")
    return Exit.DONE


def _diff(asked: argparse.Namespace, settings: Settings) -> int:
    store = _store(settings).trial(load_trial(asked.trial).id)
    old, new = store.snapshot(asked.old), store.snapshot(asked.new)
    for snapshot in (old, new):
        check_vouched_for(snapshot)
        check_file(snapshot, OPEN_FILE)
    differences = compare(old, new)
    changed = [item for item in differences if not item.unchanged]
    table = Table("Relation", "Rows before", "Rows after", "Added", "Removed", "Changed", box=None)
    for item in changed:
        rows = item.rows
        numbers = (item.rows_before, item.rows_after, rows.added, rows.removed, rows.changed)
        table.add_row(item.table, *(str(number) for number in numbers))
    if changed:
        output.print(table)
    else:
        output.print("The open parts of the two snapshots are the same.")
    return Exit.DONE


def _schema(asked: argparse.Namespace, _settings: Settings) -> int:
    """The Pandera schemas that extracts are held against, printed or exported."""
    from data_validation.domains import DOMAINS
    from data_validation.schemas import exported

    names = list(DOMAINS) if asked.dataset == ["ALL"] else asked.dataset
    if unknown := [name for name in names if name not in DOMAINS]:
        return _say(f"{unknown[0]} is none of {', '.join(DOMAINS)}.", Exit.USAGE)
    schemas = [exported(DOMAINS[name]) for name in names]
    if asked.json is not None:
        _write_json(asked.json, schemas)
        return Exit.DONE
    for item in schemas:
        table = Table("Variable", "Meaning", "Checks", title=f"{item['dataset']}: {item['label']}")
        for name, column in item["columns"].items():
            checks = (
                f"{check['severity']}: {check['sentence']} ({check['id']})"
                for check in column["checks"]
            )
            table.add_row(*map(escape, (name, column["meaning"], "\n".join(checks))))
        output.print(table)
    return Exit.DONE


def _demonstration(_asked: argparse.Namespace, settings: Settings) -> int:
    """Simulated participants at two cut-offs, under keys of the demonstration's own."""
    import tempfile

    from access.audit_key import manifest_key, new_audit_key
    from access.entries import command_line_actor
    from access.releases import release
    from access.trail import open_trail
    from data_validation.load import load
    from simulator import write_simulated

    trial: Trial = load_trial(DEMONSTRATION_TRIAL)
    is_loaded = any(Store(settings.store).trial(name).current_id() for name in available_trials())
    keys = settings.store.parent / "demonstration-keys"
    if not is_loaded and not keys.exists():
        new_key_pair(keys)
    audit_key = settings.audit_key_file or keys / "audit.key"
    if settings.audit_key_file is None and keys.exists() and not audit_key.exists():
        new_audit_key(audit_key)
    if is_loaded:
        return Exit.DONE
    trail = open_trail(settings.records_url, audit_key, new=True)
    store = Store(settings.store, manifest_key(audit_key))
    for cutoff in (date(2023, 6, 30), date(2023, 8, 31)):
        with (
            tempfile.TemporaryDirectory() as folder,
            console.status("demonstration data"),
            trail.recorded(
                "load", command_line_actor(), trial=trial.id, resource="simulated participants"
            ) as underway,
        ):
            extract = Path(folder) / "extract"
            write_simulated(trial, extract, cutoff=cutoff, defects="typical")
            loaded = load(
                extract,
                trial,
                store,
                keys / "board_public.key",
                cutoff=cutoff,
                records=_mark_of(trail),
                named=_named_in(trail, trial.id),
            )
            underway.snapshot = str(loaded.snapshot.id)
    release(trail, command_line_actor(), trial=trial.id, snapshot=str(loaded.snapshot.id))
    output.print("Loaded simulated participants for the demonstration.")
    return Exit.DONE


if __name__ == "__main__":
    without_pandas()
    run_command(main)

"""The one door for an extract: a folder or a zip in, one frame of text per SDTM dataset out."""

import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from data_validation.readers.dataset_json import read_dataset_json, read_dataset_ndjson
from data_validation.readers.delimited import read_delimited
from data_validation.readers.limits import Limits
from data_validation.readers.members import (
    Budget,
    Ignored,
    Member,
    Members,
    folder_members,
    zip_members,
)
from data_validation.readers.parquet import read_parquet
from data_validation.readers.problems import Problem, Refusal, UnreadableExtract
from data_validation.readers.sas7bdat import read_sas7bdat
from data_validation.readers.text import (
    FILE_COLUMN,
    ROW_COLUMN,
    Table,
    text_frame,
    without_blank_rows,
)
from data_validation.readers.xlsx import read_xlsx
from data_validation.readers.xport import read_xport

Reader = Callable[[bytes, Limits], Table]

# The formats by file name suffix: what a format is called and the function that reads it. A new
# format is a new module and a line here.
READERS: dict[str, tuple[str, Reader]] = {
    ".csv": ("CSV", read_delimited),
    ".tsv": ("CSV", read_delimited),
    ".parquet": ("Parquet", read_parquet),
    ".xpt": ("SAS XPORT", read_xport),
    ".sas7bdat": ("SAS7BDAT", read_sas7bdat),
    ".xlsx": ("XLSX", read_xlsx),
    ".json": ("Dataset-JSON", read_dataset_json),
    ".ndjson": ("Dataset-JSON", read_dataset_ndjson),
}
# Formats that datasets come in and that have no reader: to pass them over like a read-me would lose
# a dataset.
UNREAD_FORMATS = {
    ".dsjc": "compressed Dataset-JSON",
    ".xls": "Excel before 2007",
    ".xlsb": "binary Excel",
    ".xlsm": "Excel with macros",
}

# What a page of the web begins with, whatever the name of the file in which it was saved.
_WEB_PAGE = re.compile(rb"(?i)(?:\xef\xbb\xbf)?\s*(?:<!--.{0,999}?-->\s*)?<(?:!doctype\s+)?html\b")
_DEFAULT_LIMITS = Limits()
# Two characters, as SDTM has it. Anything else in that column is a value, and stays unsaid.
_DOMAIN = re.compile(r"[A-Z][A-Z0-9]")


@dataclass(frozen=True)
class ReadingNote:
    """Something about how a file was read that a person should know. Holds no value."""

    file: str
    text: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """One SDTM dataset as received.

    ``frame`` has one row per record, the extract's columns as text under upper-cased names, then
    ``_file`` (String), the file the row came from, and ``_row`` (Int64), its place among the data
    rows of that file, the first being 1.
    """

    name: str
    frame: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Extract:
    """What an extract holds: datasets by upper-cased name, and what was not read, and notes."""

    name: str
    datasets: dict[str, Dataset]
    ignored: tuple[Ignored, ...]
    notes: tuple[ReadingNote, ...]


@dataclass(frozen=True, eq=False)
class _ReadFile:
    dataset: str
    frame: pl.DataFrame


def read_extract(
    path: Path,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    progress: Callable[[str], None] = lambda _text: None,
) -> Extract:
    """Read an extract: a folder or a zip with one file per SDTM dataset.

    The datasets are named by the value of DOMAIN that all rows of a file carry, else by the file
    name, upper-cased; files with the same domain (LBCH, LBHE, …) become one dataset. ``progress``
    is told which file is being read. Raises UnreadableExtract, after all files were tried, with
    every problem that was found.
    """
    with _opened(path) as members:
        readable, ignored, problems = _dataset_files(members)
        if sum(member.stated_bytes for member in readable) > limits.total_bytes:
            raise _refused(
                f"{path} is larger than the limit of {limits.total_bytes} bytes, uncompressed; "
                "check that it is what it should be."
            )
        budget = Budget(limits.total_bytes)
        read: list[_ReadFile] = []
        notes: list[ReadingNote] = []
        for number, member in enumerate(readable, start=1):
            progress(f"reading {member.name} ({number} of {len(readable)})")
            try:
                file, file_notes = _read_file(member, budget, limits)
            except Refusal as refusal:
                problems.append(refusal.problem(member.name))
            else:
                read.append(file)
                notes += file_notes
    if problems:
        raise UnreadableExtract(sorted(problems, key=lambda problem: problem.file or ""))
    if not read:
        formats = ", ".join(suffix.removeprefix(".").upper() for suffix in READERS)
        raise _refused(f"{path} holds no dataset; put one file per dataset there ({formats}).")
    name = path.resolve().name if path.is_dir() else path.resolve().stem
    ignored.sort(key=lambda passed_over: passed_over.file)
    return Extract(name, _merge(read), tuple(ignored), tuple(notes))


def _refused(sentence: str) -> UnreadableExtract:
    return UnreadableExtract([Problem(None, None, sentence)])


@contextmanager
def _opened(path: Path) -> Iterator[Members]:
    """Yield the files of the folder or zip at ``path``; the zip stays open meanwhile."""
    with ExitStack() as stack:
        try:
            members = _members(path, stack)
        except UnreadableExtract:
            raise
        # The directory of a zip is as hostile as its content and fails in as many ways.
        except Exception as error:
            raise _refused(
                f"{path} can not be opened ({type(error).__name__}); "
                "check that it may be read and is whole."
            ) from None
        yield members


def _members(path: Path, stack: ExitStack) -> Members:
    if not path.exists():
        raise _refused(f"{path} does not exist; give the folder or the zip of the extract.")
    if path.is_dir():
        members = folder_members(path)
        if not (members.files or members.ignored or members.problems):
            raise _refused(f"{path} is an empty folder; put one file per dataset there.")
        return members
    if path.suffix.lower() in READERS:
        raise _refused(f"{path} is one file; give the folder that it lies in, with DM beside it.")
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise _refused(
            f"{path} is neither a folder nor a whole zip; give the folder or the zip that "
            "holds one file per dataset."
        )
    return zip_members(stack.enter_context(zipfile.ZipFile(path)))


def _dataset_files(members: Members) -> tuple[list[Member], list[Ignored], list[Problem]]:
    """Part the files into those that a reader takes, those passed over, and reasons to refuse."""
    readable: list[Member] = []
    ignored = list(members.ignored)
    problems = list(members.problems)
    by_stem: defaultdict[str, list[str]] = defaultdict(list)
    for member in members.files:
        suffix = PurePosixPath(member.name).suffix.lower()
        if suffix in READERS:
            readable.append(member)
            by_stem[_stem(member.name)].append(member.name)
        elif suffix in UNREAD_FORMATS:
            reason = f"is in a format that is not read here ({UNREAD_FORMATS[suffix]}); send CSV."
            problems.append(Refusal(reason).problem(member.name))
        else:
            ignored.append(Ignored(member.name, "is in no dataset format"))
    for files in by_stem.values():
        if len(files) > 1:
            others = " and ".join(files[1:])
            reason = f"is there a second time, as {others}; keep the one that holds the data."
            problems.append(Refusal(reason).problem(files[0]))
    return readable, ignored, problems


def _stem(file: str) -> str:
    return PurePosixPath(file).stem.strip().upper()


def _read_file(
    member: Member, budget: Budget, limits: Limits
) -> tuple[_ReadFile, list[ReadingNote]]:
    """Read one file; every error becomes a Refusal without the message, which may hold values."""
    try:
        data = budget.read(member)
    except Refusal:
        raise
    except Exception as error:
        raise Refusal(
            f"can not be taken from the extract ({type(error).__name__}); send it again."
        ) from None
    format_name, reader = READERS[PurePosixPath(member.name).suffix.lower()]
    try:
        table = reader(data, limits)
        frame, name_notes = text_frame(table, member.name, limits)
        frame, blank_notes = without_blank_rows(frame)
    except Refusal:
        if _WEB_PAGE.match(data):
            raise _is_web_page() from None
        raise
    # A panic of polars, for example over a damaged file, is not an Exception.
    except (Exception, pl.exceptions.PanicException) as error:
        if _WEB_PAGE.match(data):
            raise _is_web_page() from None
        raise Refusal(
            f"could not be read as {format_name} ({type(error).__name__}); make the file again."
        ) from None
    dataset, domain_notes = _dataset_name(frame, table.dataset or _stem(member.name))
    texts = (*table.notes, *name_notes, *blank_notes, *domain_notes)
    return (_ReadFile(dataset, frame), [ReadingNote(member.name, text) for text in texts])


def _is_web_page() -> Refusal:
    return Refusal(
        "is a web page, as a download gives when a sign-in has ended; sign in, export the dataset "
        "again and send that file."
    )


def _dataset_name(frame: pl.DataFrame, stem: str) -> tuple[str, tuple[str, ...]]:
    """Return the dataset that the rows of a file belong to, by DOMAIN if they agree on one."""
    if "DOMAIN" not in frame.columns:
        return stem, ()
    stated = frame.get_column("DOMAIN").str.strip_chars().str.to_uppercase()
    domains = stated.drop_nulls().unique(maintain_order=True)
    if len(domains) != 1 or not _DOMAIN.fullmatch(domains[0]):
        text = f"Its rows do not agree on a DOMAIN; it is taken as {stem} by its name."
        return stem, (text,) if len(domains) else ()
    domain = str(domains[0])
    notes = []
    if stated.null_count():
        notes.append(f"Some rows have no DOMAIN; they are taken as {domain} like the others.")
    if not stem.startswith(domain):
        notes.append(f"By its DOMAIN it is taken as {domain}, not as {stem}.")
    return domain, tuple(notes)


def _merge(files: list[_ReadFile]) -> dict[str, Dataset]:
    """Return one dataset per name, in the order of names, with the rows of its files in turn."""
    frames: defaultdict[str, list[pl.DataFrame]] = defaultdict(list)
    for file in files:
        frames[file.dataset].append(file.frame)
    datasets = {}
    for name in sorted(frames):
        several = len(frames[name]) > 1
        frame = pl.concat(frames[name], how="diagonal") if several else frames[name][0]
        origin = (FILE_COLUMN, ROW_COLUMN)
        datasets[name] = Dataset(name, frame.select(pl.exclude(origin), *origin))
    return datasets

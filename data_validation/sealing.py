"""The allow-list: which rows and which cells of an extract the open store may hold.

Sealing comes before validation and everything else: what the open side computes, it computes from
open frames. That the open store does not depend on sealed data is so by construction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from types import MappingProxyType

import numpy as np
import polars as pl

from data_validation.blood_gases import chosen_gases
from data_validation.distinct import by_distinct
from data_validation.domains import DOMAINS
from data_validation.domains.participation import VISIT
from data_validation.facts import Domain
from data_validation.values import (
    BLANKS,
    has_blanks,
    is_empty,
    no_value,
    open_text,
    read_of,
    trimmed,
    typed,
    with_typed_values,
)
from trials import TimePoint, Trial


@dataclass(frozen=True)
class Tables:
    """The known domains of one extract, as frames by domain name.

    Columns: `record_key`; every field's text by its SDTM name; a typed value by word for each field
    that has a form. `complete` tables add `_file`, `_row`, `_open` and unknown columns.
    A domain that the extract does not have is an empty frame, and not in `present`; `absent` names
    the fields that a present domain does not have. `counts` are, by
    domain, what was decided before sealing, the same on both sides: those of `chosen_gases`; of
    results without a visit `no_visit`, and `by_date`, those placed by their date; and
    `not_scheduled`, at other visits, where no result opens.
    """

    frames: Mapping[str, pl.DataFrame]
    absent: Mapping[str, tuple[str, ...]]
    present: frozenset[str]
    is_open: bool
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def split(
    datasets: Mapping[str, pl.DataFrame],
    trial: Trial,
    visits: Mapping[str, pl.Series] = MappingProxyType({}),
) -> tuple[Tables, Tables]:
    """The open and the complete tables of an extract.

    Args:
        datasets: by upper-case name, all columns text, with `_file` and `_row`.
        visits: of results without a visit the one that their date says, as `visits_by_date`
            returns it.
    """
    open_frames: dict[str, pl.DataFrame] = {}
    complete: dict[str, pl.DataFrame] = {}
    absent: dict[str, tuple[str, ...]] = {}
    counts: dict[str, dict[str, int]] = {}
    for name, domain in DOMAINS.items():
        if name not in datasets:
            complete[name] = without_records(domain, open_only=False)
            if domain.opens:
                open_frames[name] = without_records(domain, open_only=True)
            continue
        received = datasets[name]
        frame = _with_known_columns(received, domain, trial)
        if name in visits:
            frame = _with_visits(frame, domain, visits[name])
        is_open = _open_rows(frame, domain, trial)
        counts[name] = _counts_of_visits(frame, is_open, domain, trial)
        if "LBGAS" in domain.by_name:
            gases = chosen_gases(frame, is_open, domain, trial)
            frame, is_open = frame.with_columns(gases.made), gases.is_open
            counts[name] |= gases.counts
        read = _read(frame, domain)
        frame = frame.with_columns(*read.blanks, is_open)
        frame = frame.with_row_index("_index")
        cells = frame.select("_index", "_open").with_columns(*read.blanks, *read.open_texts)
        opened = _open_cells(cells.filter("_open"), domain)
        complete[name] = _with_keys_of(frame, opened, domain).with_columns(read.typed)
        if domain.opens:
            open_frames[name] = with_typed_values(opened.drop("_index"), domain, open_only=True)
        absent[name] = tuple(
            field.name
            for field in domain.received_fields
            # That results have no visit is a finding of its own, with their number.
            if field.name not in received.columns and not (field is VISIT and name in visits)
        )
    present = frozenset(name for name in datasets if name in DOMAINS)
    opened_here = frozenset(name for name in present if DOMAINS[name].opens)
    return (
        Tables(open_frames, _open_absences(absent), opened_here, is_open=True, counts=counts),
        Tables(complete, absent, present, is_open=False, counts=counts),
    )


@dataclass(frozen=True)
class _Read:
    """What is read out of the text of a table's columns."""

    blanks: list[pl.Series]
    typed: list[pl.Series]
    open_texts: list[pl.Series]


def _read(frame: pl.DataFrame, domain: Domain) -> _Read:
    """Blanks around texts, where a column has any; typed values; what may open of each text."""
    received = {field.name for field in domain.received_fields}
    opening = {field.name for field in domain.open_fields}
    empty = {field.name for field in domain.fields if is_empty(frame[field.name])}
    made = {
        field.name: [
            *([has_blanks(field.name)] if field.name in received else []),
            *([typed(field, is_trimmed=True)] if field.typed else []),
            *([open_text(field, is_trimmed=True)] if field.name in opening else []),
        ]
        for field in domain.fields
        if field.name not in empty
    }
    read = read_of(frame, {name: items for name, items in made.items() if items})
    columns = {column.name: column for column in read}
    return _Read(
        [column for column in read if column.name.startswith(BLANKS) and column.any()],
        [
            no_value(field, frame.height) if field.name in empty else columns[field.word]
            for field in domain.fields
            if field.typed
        ],
        [
            frame[field.name] if field.name in empty else columns[field.name]
            for field in domain.fields
            if field.name in opening
        ],
    )


@cache
def without_records(domain: Domain, *, open_only: bool) -> pl.DataFrame:
    """The table of a domain that the extract does not have."""
    names = [field.name for field in (domain.open_fields if open_only else domain.fields)]
    columns: dict[str, type[pl.DataType]] = {"record_key": pl.String}
    columns |= dict.fromkeys(names, pl.String)
    if not open_only:
        columns |= {"_file": pl.String, "_row": pl.Int64, "_open": pl.Boolean}
    return with_typed_values(pl.DataFrame(schema=columns), domain, open_only=open_only)


# What places a record at a time point of its visit, behind the prefix of its domain.
_TIME_POINT = ("TPT", "TPTREF", "TPTNUM", "ELTM", "RFTDTC")


def time_point_columns(frame: pl.DataFrame, domain: Domain) -> list[str]:
    """The columns of a table that say a time point, and are not empty throughout."""
    names = [f"{domain.name}{suffix}" for suffix in _TIME_POINT]
    return [name for name in names if name in frame.columns and not is_empty(frame[name])]


def not_at_common_time_points(frame: pl.DataFrame, domain: Domain, trial: Trial) -> pl.Expr:
    """Whether a record has a time point that the trial does not name as common to all arms.

    Every field that is filled has to say what one and the same time point of the definition says;
    the date of a reference, that this has a reference. By their words none is taken for harmless.
    """
    columns = time_point_columns(frame, domain)
    if not columns:
        return pl.lit(value=False)

    def said(text: pl.Expr) -> pl.Expr:
        return text.str.to_uppercase().str.replace_all(r"\s+", " ")

    def fits(column: str, point: TimePoint) -> pl.Expr:
        suffix = column.removeprefix(domain.name)
        if suffix == "RFTDTC":
            # When the reference was depends on the participant; that there is one is named.
            reference = f"{domain.name}TPTREF"
            return fits(reference, point) if reference in columns else pl.lit(value=False)
        if suffix == "TPTNUM":
            is_it = trimmed(column).cast(pl.Float64, strict=False) == pl.lit(point.number)
        else:
            named = {"TPT": point.name, "TPTREF": point.reference, "ELTM": point.elapsed}[suffix]
            is_it = said(trimmed(column)) == said(pl.lit(named, pl.String))
        return is_it.fill_null(value=False)

    # A dot is how SAS writes that there is no number.
    empty = {name: (trimmed(name).fill_null(".") == ".") for name in columns}
    common = pl.all_horizontal(empty.values())
    for point in trial.open.time_points:
        common |= pl.all_horizontal(empty[name] | fits(name, point) for name in columns)
    return ~common


def _open_rows(frame: pl.DataFrame, domain: Domain, trial: Trial) -> pl.Series:
    """Which rows may be open; what a rule cannot say of a row is no."""
    may = domain.open_rows(frame, trial) & ~not_at_common_time_points(frame, domain, trial)
    rule = may.fill_null(value=False).alias("_open")
    names = sorted(set(rule.meta.root_names()))
    if not names:
        return frame.with_columns(rule)["_open"]
    return by_distinct(frame, names, lambda rows: rows.select(rule))["_open"]


def lacks_visit(frame: pl.DataFrame) -> pl.Series:
    """Which rows have no visit."""
    if "VISIT" not in frame.columns:
        return pl.repeat(True, frame.height, dtype=pl.Boolean, eager=True)
    return by_distinct(
        frame, ["VISIT"], lambda rows: rows.select(trimmed("VISIT").is_null())
    ).to_series()


def would_open(frame: pl.DataFrame, domain: Domain, trial: Trial) -> pl.Series:
    """Which rows would open at a visit of the schedule."""
    visit = trial.schedule[0].visit if trial.schedule else None
    at_a_visit = _with_known_columns(frame, domain, trial).with_columns(
        pl.lit(visit, pl.String).alias("VISIT")
    )
    return _open_rows(at_a_visit, domain, trial)


def _with_visits(frame: pl.DataFrame, domain: Domain, visits: pl.Series) -> pl.DataFrame:
    """Results without a visit at the visit of their date, marked as such."""
    by_date = pl.when(visits.is_not_null()).then(pl.lit("DATE"))
    return frame.with_columns(
        pl.when(visits.is_null()).then("VISIT").otherwise(visits).alias("VISIT"),
        by_date.alias(f"{domain.name}VISBY"),
    )


def _counts_of_visits(
    frame: pl.DataFrame, is_open: pl.Series, domain: Domain, trial: Trial
) -> dict[str, int]:
    """Results of measures without a visit, placed by date; at others, where nothing opens."""
    if not domain.measured:
        return {}
    by_date = frame[f"{domain.name}VISBY"].is_not_null()
    lacks = lacks_visit(frame) | by_date
    if is_open.any() and not lacks.any():
        return {}
    would = would_open(frame, domain, trial)
    return {
        "no_visit": int((would & lacks).sum()),
        "by_date": int(by_date.sum()),
        "not_scheduled": 0 if is_open.any() else int((would & ~lacks).sum()),
    }


def _open_absences(absent: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(field.name for field in DOMAINS[name].open_fields if field.name in set(fields))
        for name, fields in absent.items()
        if DOMAINS[name].opens
    }


def _with_known_columns(frame: pl.DataFrame, domain: Domain, trial: Trial) -> pl.DataFrame:
    missing = [
        field.name
        for field in domain.fields
        # What an extract has under the name of what is made here is never taken for it.
        if field.made or field.name not in frame.columns
    ]
    frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)
    return (
        frame if domain.classes is None else frame.with_columns(domain.classes.column(frame, trial))
    )


def _open_cells(cells: pl.DataFrame, domain: Domain) -> pl.DataFrame:
    """Open cells of open rows with their record key, in the order of the key.

    The key says what the record is, not where it stood: sequence numbers and row positions would
    betray what was taken out. It is made of open text only.
    """
    names = [field.name for field in domain.open_fields]
    placed = _keyed(
        cells, f"{domain.name}-", [name for name in domain.keys if name in names], names
    )
    return cells[placed["_place"]].select(
        "_index", placed["record_key"], pl.exclude("_index", "_open")
    )


def _keyed(cells: pl.DataFrame, prefix: str, keys: list[str], names: list[str]) -> pl.DataFrame:
    """The `record_key` of each row, the same in every extract, and its `_place`, in their order.

    Records that are equal in all `keys` are numbered by the rest of their text, so equal ones are
    interchangeable.
    """
    if cells.is_empty():
        return pl.DataFrame(schema=_KEYED)
    hashes = _hashes(cells, keys)
    # The wide rows are put in order once, and by their places only.
    placed = cells.select("_index", hashes, pl.int_range(pl.len()).alias("_place"))
    shared = hashes.is_duplicated()
    if shared.any():
        number = pl.int_range(1, pl.len() + 1).over("_hash")
        numbers = (
            cells.with_columns(hashes)
            .filter(shared)
            .sort("_hash", *names, nulls_last=True)
            .select("_index", number.cast(pl.String).alias("_number"))
        )
        placed = placed.join(numbers, on="_index", how="left").sort("_hash", "_number")
    else:
        placed = placed.sort("_hash").with_columns(pl.lit(None, dtype=pl.String).alias("_number"))
    key = pl.concat_str(
        pl.lit(prefix),
        pl.col("_hash").cast(pl.String).str.zfill(_KEY_DIGITS),
        pl.when(pl.col("_number") != "1").then("-" + pl.col("_number")).otherwise(pl.lit("")),
    )
    return placed.select("_index", "_place", key.alias("record_key"))


_KEYED = {"_index": pl.get_index_type(), "_place": pl.Int64, "record_key": pl.String}
_KEY_DIGITS = 16
_ODD = np.uint64(0x9E3779B97F4A7C15)


def _hashes(cells: pl.DataFrame, names: list[str]) -> pl.Series:
    """A number of 16 digits for the key fields of each row, the same in every extract.

    BLAKE2b of each text, in 64 bits, and over the fields of a row a polynomial of them: two records
    in a million share a number with a probability of 1 in 20,000, and are then told apart like
    equal ones.
    """
    row = np.zeros(cells.height, dtype=np.uint64)
    for name in names:
        row = row * _ODD + by_distinct(cells, [name], _hashed).to_series().to_numpy()
    return pl.Series("_hash", row % np.uint64(10**_KEY_DIGITS))


def _hashed(texts: pl.DataFrame) -> pl.DataFrame:
    """The number of each text of a frame of one column; a missing one has that of an empty one."""
    listed = texts.to_series().to_list()
    numbers = {
        text: int.from_bytes(blake2b((text or "").encode(), digest_size=8).digest())
        for text in set(listed)
    }
    hashes = np.fromiter(map(numbers.__getitem__, listed), np.uint64, len(listed))
    return pl.Series("_hash", hashes).to_frame()


# What a record is about, beside the fields by which those of its domain are told apart: of sealed
# ones these may be empty, as a class is that only open records have.
_TOPICS = ("TRT", "TERM", "DECOD", "TESTCD")


def _with_keys_of(frame: pl.DataFrame, opened: pl.DataFrame, domain: Domain) -> pl.DataFrame:
    """All rows, open ones under their open key, sealed ones under one of their own text."""
    names = [field.name for field in domain.fields]
    topics = [name for name in names if name.endswith(_TOPICS) and name not in domain.keys]
    sealed = _keyed(
        frame.filter(~pl.col("_open")), f"{domain.name}:", [*domain.keys, *topics], names
    )
    # Only what is needed is joined: to join the whole of a wide frame would copy it.
    both = pl.concat([item.select("_index", "record_key") for item in (opened, sealed)])
    keys = frame.select("_index").join(both, on="_index", how="left", maintain_order="left")
    return frame.drop("_index").with_columns(keys["record_key"])

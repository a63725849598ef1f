"""The allow-list: which rows and which cells of an extract the open store may hold.

Sealing comes before validation and everything else: what the open side computes, it computes from
open frames. That the open store does not depend on sealed data is so by construction.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import polars as pl

from data_validation.domains import DOMAINS
from data_validation.facts import Domain, folded, folded_terms
from data_validation.values import BLANKS, open_text, trimmed, with_blanks, with_typed_values
from trials import Trial

SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Tables:
    """The known domains of one extract, as frames by domain name.

    Columns: `record_key`; every field's text by its SDTM name; a typed value by word for each field
    that has a form. `complete` tables add `_file`, `_row`, `_open` and unknown columns.
    A domain that the extract does not have is an empty frame, and not in `present`; `absent` names
    the fields that a present domain does not have.
    """

    frames: Mapping[str, pl.DataFrame]
    absent: Mapping[str, tuple[str, ...]]
    present: frozenset[str]
    is_open: bool


def split(datasets: Mapping[str, pl.DataFrame], trial: Trial) -> tuple[Tables, Tables]:
    """The open and the complete tables of an extract.

    Args:
        datasets: by upper-case name, all columns text, with `_file` and `_row`.
    """
    open_frames: dict[str, pl.DataFrame] = {}
    complete: dict[str, pl.DataFrame] = {}
    absent: dict[str, tuple[str, ...]] = {}
    for name, domain in DOMAINS.items():
        if name not in datasets:
            complete[name] = without_records(domain, open_only=False)
            if domain.opens:
                open_frames[name] = without_records(domain, open_only=True)
            continue
        received = datasets[name]
        frame = with_blanks(_with_known_columns(received, domain, trial), domain)
        frame = frame.with_columns(_open_rows(frame, domain, trial)).with_row_index("_index")
        opened = _open_cells(frame.filter("_open"), domain)
        complete[name] = with_typed_values(
            _with_keys_of(frame, opened, domain), domain, open_only=False
        )
        if domain.opens:
            open_frames[name] = with_typed_values(opened.drop("_index"), domain, open_only=True)
        absent[name] = tuple(
            field.name for field in domain.received_fields if field.name not in received.columns
        )
    present = frozenset(name for name in datasets if name in DOMAINS)
    opened_here = frozenset(name for name in present if DOMAINS[name].opens)
    return (
        Tables(open_frames, _open_absences(absent), opened_here, is_open=True),
        Tables(complete, absent, present, is_open=False),
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


def _open_rows(frame: pl.DataFrame, domain: Domain, trial: Trial) -> pl.Series:
    """Which rows may be open; what a rule cannot say of a row is no."""
    rule = domain.open_rows(frame, trial).fill_null(value=False).alias("_open")
    return frame.with_columns(rule)["_open"]


def _open_absences(absent: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(field.name for field in DOMAINS[name].open_fields if field.name in set(fields))
        for name, fields in absent.items()
        if DOMAINS[name].opens
    }


def _with_known_columns(frame: pl.DataFrame, domain: Domain, trial: Trial) -> pl.DataFrame:
    missing = [field.name for field in domain.fields if field.name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)
    return (
        frame if domain.classes is None else frame.with_columns(domain.classes.column(frame, trial))
    )


def _open_cells(rows: pl.DataFrame, domain: Domain) -> pl.DataFrame:
    """Open cells of open rows with their record key, in the order of the key.

    The key says what the record is, not where it stood: sequence numbers and row positions would
    betray what was taken out. Records that are equal in all key fields are numbered by the rest of
    their open text, so equal ones are interchangeable.
    """
    names = [field.name for field in domain.open_fields]
    blanks = [BLANKS + name for name in names if BLANKS + name in rows.columns]
    cells = rows.select("_index", *blanks, *(open_text(field) for field in domain.open_fields))
    hashed = _hashes(cells, [name for name in domain.keys if name in names])
    return (
        cells.with_columns(hashed.alias("_hash"))
        .sort("_hash", *names, nulls_last=True)
        .with_columns(pl.int_range(1, pl.len() + 1).over("_hash").alias("_number"))
        .with_columns(
            pl.concat_str(
                pl.lit(f"{domain.name}-"),
                "_hash",
                pl.when(pl.col("_number") > 1)
                .then(pl.concat_str(pl.lit("-"), pl.col("_number").cast(pl.String)))
                .otherwise(pl.lit("")),
            ).alias("record_key")
        )
        .select("_index", "record_key", *names, *blanks)
        .sort("record_key")
    )


def _hashes(cells: pl.DataFrame, names: list[str]) -> pl.Series:
    """Twelve hexadecimal digits of BLAKE2b of the key fields of each row."""
    joined = cells.select(
        pl.concat_str([pl.col(name).fill_null("") for name in names], separator=SEPARATOR)
    ).to_series()
    return pl.Series(
        [hashlib.blake2b(key.encode(), digest_size=6).hexdigest() for key in joined],
        dtype=pl.String,
    )


def _with_keys_of(frame: pl.DataFrame, opened: pl.DataFrame, domain: Domain) -> pl.DataFrame:
    """All rows, open ones under their open key, sealed ones under file and row."""
    return (
        frame.join(opened.select("_index", "record_key"), on="_index", how="left")
        .with_columns(
            pl.col("record_key").fill_null(
                pl.concat_str(
                    pl.lit(f"{domain.name}:"), "_file", pl.lit(":"), pl.col("_row").cast(pl.String)
                )
            )
        )
        .drop("_index")
    )


def released_randomization(tables: Tables, trial: Trial) -> pl.DataFrame:
    """Who is randomized, when, and in which stratum: all that opens from sealed input.

    In order: the allocation list; DS `RANDOMIZED`; the visit that the trial definition names.

    Returns:
        `USUBJID`, `randomization_date` (null where the source has none), `stratum`, `source`; one
        row a randomized subject.
    """
    if "RANDOMIZATION" in tables.present:
        rows = tables.frames["RANDOMIZATION"].filter(trimmed("ARMCD").is_not_null())
        found = rows.select(
            trimmed("USUBJID").alias("USUBJID"),
            "randomization_date",
            trimmed("STRATUM").alias("stratum"),
            pl.lit("allocation list").alias("source"),
        )
    else:
        found = _randomized_in("DS", "DSDECOD", "RANDOMIZED", tables)
        if found.is_empty() and trial.randomization.fallback_visit is not None:
            found = _randomized_in("SV", "VISIT", trial.randomization.fallback_visit, tables)
    return (
        found.filter(pl.col("USUBJID").is_not_null())
        .sort("USUBJID", "randomization_date", nulls_last=True)
        .unique("USUBJID", keep="first", maintain_order=True)
    )


def _randomized_in(domain: str, field: str, value: str, tables: Tables) -> pl.DataFrame:
    if domain not in tables.present:
        return pl.DataFrame(
            schema={
                "USUBJID": pl.String,
                "randomization_date": pl.Date,
                "stratum": pl.String,
                "source": pl.String,
            }
        )
    return (
        tables.frames[domain]
        .filter(folded(field).is_in(folded_terms((value,))))
        .select(
            trimmed("USUBJID").alias("USUBJID"),
            pl.col("start_date").alias("randomization_date"),
            pl.lit(None, dtype=pl.String).alias("stratum"),
            pl.lit(f"{domain} {value}").alias("source"),
        )
    )

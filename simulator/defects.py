"""Defects planted into a simulated extract, each with the check that has to find it.

A defect is one line of a table: which dataset and field, which records it fits, what stands there
instead. Which of them are hit is computed from the seed, the kind and the record, so that a later
cut of the same trial mostly has the defects of the earlier one: where a record that is new by then
takes the place of another, a site has answered one query and given reason for the next.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from simulator.draws import Draws, split_mix
from simulator.extract import Format
from simulator.hostile import HOSTILE_TEXTS, NUL

Level = Literal["clean", "typical", "hostile"]
Frames = dict[str, pl.DataFrame]

PARTICIPANTS_PER_DEFECT = 60  # of one kind; but one in each block that has a record for it
LISTED = {
    "kind": pl.String,
    "dataset": pl.String,
    "subject": pl.String,
    "row": pl.Int64,
    "field": pl.String,
    "value": pl.String,
    "check": pl.String,
}

_PLACE, _NUMBER, _USED, _HIT = "_place", "_number", "_used", "_hit"
_MONTHS = {
    f"{number:02}": name
    for number, name in enumerate(
        (
            *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août"),
            *("septembre", "octobre", "novembre", "décembre"),
        ),
        start=1,
    )
}


@dataclass(frozen=True)
class Defect:
    """One kind of defect.

    Attributes:
        kind: what it is called in the list.
        dataset, field: where it stands.
        value: what stands there instead, of the row's columns.
        check: the id of the check that has to find it; empty where it is read as it was meant.
        where: the records that it fits, all where it is None; `_randomized`, `_day_one`,
            `_other_arm`, `_died` and `_dosed` are known of their participant, `_cutoff` of all.
        how: `change` the cell; `repeat` the record below itself, with the cell changed; `drop` the
            record; `give` it to a randomized participant of control.
        finding_at: the dataset and field of the finding, where that is not the cell itself: of the
            same record, or the participant's in another dataset.
        also: further fields of the record that change with it, with their values.
    """

    kind: str
    dataset: str
    field: str
    value: pl.Expr
    check: str
    where: pl.Expr | None = None
    how: Literal["change", "repeat", "drop", "give"] = "change"
    finding_at: tuple[str, str] | None = None
    also: tuple[tuple[str, pl.Expr], ...] = ()

    @property
    def elsewhere(self) -> bool:
        """Whether the finding is at another record than the defect."""
        return self.finding_at is not None and self.finding_at[0] != self.dataset


def _text(value: str) -> pl.Expr:
    return pl.lit(value)


def _day(name: str) -> pl.Expr:
    return pl.col(name).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)


def _shifted(name: str, days: int) -> pl.Expr:
    """A complete date moved by some days, without its clock time."""
    return (_day(name) + pl.duration(days=days)).cast(pl.String)


def _complete(name: str) -> pl.Expr:
    return (pl.col(name).str.len_chars() >= 10).fill_null(value=False)


def _after_cutoff(days: int) -> pl.Expr:
    return (pl.col("_cutoff") + pl.duration(days=days)).cast(pl.String)


def _in_french(name: str) -> pl.Expr:
    text = pl.col(name)
    month = text.str.slice(5, 2).replace_strict(_MONTHS, default=None, return_dtype=pl.String)
    return text.str.slice(8, 2) + " " + month + " " + text.str.slice(0, 4)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)


def _is(name: str, *values: str) -> pl.Expr:
    return pl.col(name).is_in(list(values)).fill_null(value=False)


def _quantified(name: str) -> pl.Expr:
    return _number(name).is_not_null()


_LIVED = pl.col("_died").is_null()
_FATAL = _is("AEOUT", "FATAL")
_RANDOMIZED = pl.col("_randomized")
_VENTILATED = _number("RSORRES") >= 7


def _next_to_the_same(step: int) -> pl.Expr:
    """Whether the rating before (1) or after (-1) is of the adjacent day, and on ventilation."""
    apart = (_day("RSDTC") - _day("RSDTC").shift(step).over("USUBJID")).dt.total_days()
    return (apart == step) & _VENTILATED.shift(step).over("USUBJID")


_GIVEN = _number("EXDOSE") > 0
# Long enough before the cut-off that what is planted lies before it, too.
_EARLIER = pl.col("_day_one") + pl.duration(days=40) <= pl.col("_cutoff")

TYPICAL = (
    # Adverse events
    Defect("partial start", "ae", "AESTDTC", pl.col("AESTDTC").str.slice(0, 7),
           "AE-AESTDTC-partial", _complete("AESTDTC") & ~_FATAL),
    Defect("month in French", "ae", "AESTDTC", _in_french("AESTDTC"),
           "AE-AESTDTC-date", _complete("AESTDTC") & ~_FATAL),
    Defect("end before start", "ae", "AEENDTC", _shifted("AESTDTC", -3),
           "AE-AEENDTC-order", _complete("AESTDTC") & _complete("AEENDTC") & ~_FATAL),
    Defect("seriousness missing", "ae", "AESER", _text(""), "AE-AESER-present", _is("AESER", "N")),
    Defect("serious without a reason", "ae", "AESER", _text("Y"), "AE-102", _is("AESER", "N")),
    Defect("fatal and not serious", "ae", "AESER", _text("N"), "AE-105", _FATAL),
    Defect("end of a fatal event", "ae", "AEENDTC", _shifted("AEENDTC", -1), "AE-109",
           _FATAL & (_day("AESTDTC") < _day("AEENDTC"))),
    Defect("grade beyond the scale", "ae", "AETOXGR", _text("7"), "AE-AETOXGR-range", ~_FATAL),
    Defect("outcome in own words", "ae", "AEOUT", _text("doing well"), "AE-AEOUT-code", ~_FATAL),
    Defect("event repeated", "ae", "AESTDTC", pl.col("AESTDTC"), "AE-duplicate",
           _complete("AESTDTC") & ~_FATAL, how="repeat"),
    Defect("leading blanks", "ae", "AEDECOD", "   " + pl.col("AEDECOD"), "AE-blanks", ~_FATAL),
    Defect("severity in mixed case", "ae", "AESEV", pl.col("AESEV").str.to_titlecase(), "AE-case"),
    Defect("severity as a period", "ae", "AESEV", _text("."), "AE-marks"),
    Defect("verbatim in Chinese", "ae", "AETERM", _text("发热"), ""),
    Defect("event after the cut-off", "ae", "AESTDTC", _after_cutoff(21), "AE-AESTDTC-cutoff",
           pl.col("AEENDTC").is_null() & ~_FATAL),
    # Laboratory, gases, vital signs, scales
    Defect("FiO2 in the other unit", "lb", "LBORRES",
           pl.when(_is("LBORRESU", "%")).then(_number("LBORRES") / 100)
           .otherwise(_number("LBORRES") * 100).round(2).cast(pl.String),
           "LB-112", _is("LBTESTCD", "FIO2"), finding_at=("lb", "LBORRESU")),
    Defect("gas of venous blood", "lb", "LBSPEC", _text("VENOUS BLOOD"), "LB-103",
           _is("LBTESTCD", "PO2")),
    Defect("gas of no stated specimen", "lb", "LBSPEC", _text(""), "LB-103",
           _is("LBTESTCD", "PO2", "PCO2")),
    Defect("unit missing", "lb", "LBORRESU", _text(""), "LB-101",
           _is("LBTESTCD", "CREAT", "HGB", "PO2") & _quantified("LBORRES")),
    Defect("unit of no measure", "lb", "LBORRESU", _text("mg%"), "LB-101",
           _is("LBTESTCD", "BILI", "ALT") & _quantified("LBORRES")),
    Defect("test in another unit", "lb", "LBORRESU", _text("g/dL"), "",
           _is("LBTESTCD", "HGB") & _is("LBORRESU", "g/L"),
           also=(("LBORRES", (_number("LBORRES") / 10).round(1).cast(pl.String)),)),
    Defect("impossible result", "lb", "LBORRES", _text("9999999"), "LB-102",
           _is("LBTESTCD", "PLAT", "WBC", "CREAT")),
    Defect("result in words", "lb", "LBORRES", _text("hemolyzed"), "LB-107",
           _is("LBTESTCD", "LDH", "AST")),
    Defect("below a detection limit", "lb", "LBORRES", _text("<3.42"), "",
           _is("LBTESTCD", "CRP")),
    Defect("sample twice", "lb", "LBTESTCD", pl.col("LBTESTCD"), "LB-109",
           _is("LBTESTCD", "LYM", "ALP"), how="repeat"),
    Defect("impossible date", "lb", "LBDTC", _text("2023-02-30"), "LB-LBDTC-date",
           _is("LBTESTCD", "ALT", "AST", "ALP")),
    Defect("sequence number with decimals", "lb", "LBSEQ", pl.col("LBSEQ") + ".0", "LB-decimals"),
    Defect("sample after the cut-off", "lb", "LBDTC", _after_cutoff(30), "LB-LBDTC-cutoff",
           _is("LBTESTCD", "FERRITIN", "DDIMER")),
    Defect("vital sign without unit", "vs", "VSORRESU", _text(""), "VS-101",
           _is("VSTESTCD", "SYSBP", "DIABP", "TEMP") & _quantified("VSORRES")),
    Defect("impossible pulse", "vs", "VSORRES", _text("999"), "VS-102", _is("VSTESTCD", "PULSE")),
    Defect("temperature in the other unit", "vs", "VSORRES",
           pl.when(_is("VSORRESU", "C")).then(_number("VSORRES") * 1.8 + 32)
           .otherwise((_number("VSORRES") - 32) / 1.8).round(1).cast(pl.String),
           "VS-112", _is("VSTESTCD", "TEMP"), finding_at=("vs", "VSORRESU")),
    Defect("result as a period", "vs", "VSORRES", _text("."), "VS-marks",
           _is("VSTESTCD", "RESP", "SYSBP")),
    Defect("date missing", "vs", "VSDTC", _text(""), "VS-VSDTC-present",
           _is("VSTESTCD", "RESP", "OXYSAT")),
    Defect("too low on the scale", "rs", "RSORRES", _text("5"), "RS-121",
           # A day on which ventilation begins or ends can have either score.
           _VENTILATED & _next_to_the_same(1) & _next_to_the_same(-1)),
    Defect("too high on the scale", "rs", "RSORRES", _text("8"), "RS-122",
           _is("RSORRES", "1", "2")),
    Defect("another version of the scale", "rs", "RSCAT", _text("WHO ORDINAL SCALE 0-8"), "RS-124"),
    # Participation
    Defect("race of another list", "dm", "RACE", _text("HAN"), "DM-RACE-code"),
    Defect("sex in lower case", "dm", "SEX", pl.col("SEX").str.to_lowercase(), "DM-case"),
    Defect("consent after randomization", "dm", "RFICDTC",
           (pl.col("_day_one") + pl.duration(days=1)).cast(pl.String), "DM-103",
           _RANDOMIZED & (pl.col("_day_one") + pl.duration(days=1) < pl.col("_cutoff"))),
    Defect("consent missing", "dm", "RFICDTC", _text(""), "DM-110", _RANDOMIZED),
    Defect("too old and randomized", "dm", "AGE", _text("91"), "DM-111", _RANDOMIZED),
    Defect("death without its flag", "dm", "DTHFL", _text(""), "DM-104", ~_LIVED,
           finding_at=("dm", "DTHDTC")),
    Defect("death in one dataset only", "ds", "DSDECOD", _text(""), "DM-105",
           _is("DSDECOD", "DEATH"), how="drop", finding_at=("dm", "DTHDTC")),
    Defect("two rows for one death", "ds", "DSDECOD", pl.col("DSDECOD"), "DS-105",
           _is("DSDECOD", "DEATH"), how="repeat"),
    Defect("another date of death", "ds", "DSSTDTC", _shifted("DSSTDTC", -1), "DS-103",
           _is("DSDECOD", "DEATH")),
    Defect("another date of randomization", "ds", "DSSTDTC", _shifted("DSSTDTC", -1), "DS-101",
           _is("DSDECOD", "RANDOMIZED")),
    Defect("screening without an outcome", "ds", "DSDECOD", _text(""), "DM-114",
           _is("DSDECOD", "SCREEN FAILURE")
           & (_day("DSSTDTC") + pl.duration(days=60) <= pl.col("_cutoff")),
           how="drop", finding_at=("dm", "USUBJID")),
    Defect("randomized though ineligible", "ie", "IETESTCD", pl.col("IETESTCD"), "IE-101",
           how="give"),
    Defect("criterion met", "ie", "IEORRES",
           pl.when(_is("IEORRES", "Y")).then(pl.lit("N")).otherwise(pl.lit("Y")), "IE-102"),
    Defect("excluded history", "mh", "MHDECOD", _text("Renal transplant"), "MH-101",
           _RANDOMIZED & (pl.col("MHDECOD") != "COVID-19")),
    Defect("excluded medication", "cm", "CMDECOD", _text("TACROLIMUS"), "CM-101",
           _RANDOMIZED & _is("CMDECOD", "PANTOPRAZOLE")),
    Defect("visit outside its window", "sv", "SVSTDTC", _shifted("SVSTDTC", -5), "SV-101",
           _is("VISIT", "DAY 10", "DAY 14")),
    Defect("vital status in own words", "ss", "SSSTRESC", _text("living"), "SS-SSSTRESC-code",
           _is("SSSTRESC", "ALIVE")),
    Defect("found dead before death", "ss", "SSDTC", _shifted("SSDTC", -2), "SS-102",
           _is("SSSTRESC", "DEAD"), finding_at=("ss", "SSSTRESC")),
    Defect("two causes of death", "dd", "DDTESTCD", pl.col("DDTESTCD"), "DD-103", how="repeat"),
    Defect("discharge before admission", "ho", "HOENDTC", _shifted("HOSTDTC", -2),
           "HO-HOENDTC-order", _complete("HOENDTC") & _LIVED),
    # Administrations: one arm has them, so what is found is sealed
    Defect("dose outside its window", "ex", "EXSTDTC", _shifted("EXSTDTC", 6), "EX-102",
           _GIVEN & _LIVED & _EARLIER & (pl.col("EXSEQ") == "2")),
    Defect("lot missing", "ex", "EXLOT", _text(""), "EX-107", _GIVEN),
    Defect("dose in control", "ex", "EXTRT", pl.col("EXTRT"), "EX-101", _GIVEN, how="give"),
    Defect("given by one form only", "ec", "ECOCCUR", _text("N"), "EC-101", _is("ECOCCUR", "Y")),
    Defect("few living cells", "da", "DAORRES", _text("55"), "DA-101",
           _is("DATESTCD", "VIABLTY")),
    Defect("another arm than listed", "dm", "ARMCD", pl.col("_other_arm"), "DM-108",
           pl.col("_other_arm").is_not_null()),
)  # fmt: skip

_HOSTILE_PLACES = (
    ("dm", "SITEID"), ("dm", "RACE"), ("ae", "AETERM"), ("ae", "AEDECOD"), ("ae", "AESER"),
    ("ae", "AESTDTC"), ("lb", "LBORRES"), ("lb", "LBORRESU"), ("vs", "VSTESTCD"), ("mh", "MHTERM"),
    ("mh", "MHDECOD"), ("cm", "CMTRT"), ("dv", "DVTERM"), ("ie", "IETESTCD"), ("sv", "VISIT"),
)  # fmt: skip
# Each text in one place, and each place with a text; every check that speaks of it is right.
HOSTILE = tuple(
    Defect(kind, *_HOSTILE_PLACES[place % len(_HOSTILE_PLACES)], _text(text), "")
    for place, (kind, text) in enumerate(HOSTILE_TEXTS.items())
)


# Columns that no dataset should have: the dataset, the name, the kind.
_COLUMNS = (("lb", "LBXNOTE", "unknown column"), ("vs", "", "unnamed index column"))


def planted_blocks(
    blocks: Iterable[Mapping[str, pl.DataFrame]],
    *,
    level: Level,
    cutoff: date,
    seed: int,
    format: Format,
    listed: list[pl.DataFrame],
) -> Iterator[Frames]:
    """Blocks of an extract with defects; what was planted where is appended to `listed`.

    All columns become text, as defects need it. Rows are counted as readers count them: the first
    data row of a file is 1. What a format cannot carry is left out: a NUL in CSV, a column without
    a name in XPT.

    Raises:
        ValueError: there is no such level.
    """
    if level not in get_args(Level):
        raise ValueError(
            f"{level!r} is no level of defects; choose one of {', '.join(get_args(Level))}."
        )
    rows: dict[str, int] = {}
    for block in blocks:
        if level == "clean":
            yield dict(block)
            continue
        kinds = TYPICAL if level == "typical" else (*TYPICAL, *HOSTILE)
        if format == "csv":
            kinds = tuple(kind for kind in kinds if kind.kind != NUL)
        frames, defects = plant(block, kinds, cutoff=cutoff, seed=seed)
        for name, column, kind in _COLUMNS:
            if format == "xpt" and not column:
                continue
            note = pl.int_range(1, pl.len() + 1).cast(pl.String).alias(column)
            frames[name] = frames[name].select(note, pl.all())
            of_all = pl.DataFrame([{"kind": kind, "dataset": name, "field": column}])
            defects = pl.concat([defects, of_all], how="diagonal")
        before = pl.col("dataset").replace_strict(rows, default=0, return_dtype=pl.Int64)
        listed.append(defects.with_columns(pl.col("row") + before))
        for name, frame in frames.items():
            rows[name] = rows.get(name, 0) + frame.height
        yield frames


def plant(
    frames: Mapping[str, pl.DataFrame], kinds: Iterable[Defect], *, cutoff: date, seed: int
) -> tuple[Frames, pl.DataFrame]:
    """Plant every kind of defect that has records to fit, each record at most once.

    Returns:
        The datasets, and one row for each defect as in `LISTED`.
    """
    people = _people(frames)
    tables = {name: _prepared(frame, people, cutoff) for name, frame in frames.items()}
    number = max(1, round(frames["dm"].height / PARTICIPANTS_PER_DEFECT))
    listed = [_plant(tables, kind, number, seed) for kind in kinds if kind.dataset in tables]
    planted: Frames = {}
    for name, table in tables.items():
        ordered = table.sort(_PLACE, maintain_order=True)
        planted[name] = ordered.select(frames[name].columns)
        tables[name] = ordered.with_columns(row=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    located = [_located(item, tables) for item in listed if item.height]
    return planted, pl.concat([pl.DataFrame(schema=LISTED), *located])


def _people(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """What defects ask of a participant."""
    codes = frames["randomization"]["ARMCD"].unique().sort().to_list()
    others = dict(zip(codes, [*codes[1:], *codes[:1]], strict=True)) if len(codes) > 1 else {}
    arms = frames["randomization"].select(
        "USUBJID",
        _day_one=pl.col("RANDDTC").str.to_date(),
        _randomized=pl.lit(value=True),
        _other_arm=pl.col("ARMCD").replace_strict(others, default=None, return_dtype=pl.String),
    )
    doses = frames["ex"].select("USUBJID").unique().with_columns(_dosed=pl.lit(value=True))
    return (
        frames["dm"]
        .select("USUBJID", _died=pl.col("DTHDTC").str.to_date())
        .join(arms, on="USUBJID", how="left", maintain_order="left")
        .join(doses, on="USUBJID", how="left", maintain_order="left")
        .with_columns(pl.col("_randomized", "_dosed").fill_null(value=False))
    )


def _prepared(frame: pl.DataFrame, people: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    """A dataset as text, with what is known of its participants, and a number for each record.

    The number is the same in every cut: the participant's, and the record's within it.
    """
    table = frame.select(pl.all().cast(pl.String)).with_columns(
        pl.int_range(pl.len()).cast(pl.Float64).alias(_PLACE),
        pl.lit(value=False).alias(_USED),
        pl.lit(cutoff).alias("_cutoff"),
    )
    if "USUBJID" not in frame.columns:
        return table
    within = [name for name in frame.columns if name[2:] == "SEQ" or name == "VISITNUM"]
    within_person = pl.col(within[0]).cast(pl.Float64) * 100 if within else pl.lit(0.0)
    person = pl.col("USUBJID").str.extract(r"([0-9]+)$").cast(pl.UInt64)
    record = person * 1_000_003 + within_person.cast(pl.UInt64)
    return table.with_columns(record.alias(_NUMBER)).join(
        people, on="USUBJID", how="left", maintain_order="left"
    )


def _plant(tables: Frames, kind: Defect, number: int, seed: int) -> pl.DataFrame:
    """Plant one kind of defect; returns what was planted, with places in place of rows."""
    table = tables[kind.dataset]
    marked = set(tables["dm"].filter(_USED)["USUBJID"])
    fits = ~pl.col(_USED)
    if kind.where is not None:
        fits &= kind.where.fill_null(value=False)
    if kind.elsewhere:
        fits &= ~pl.col("USUBJID").is_in(marked)
    chosen = _smallest(table, fits, kind.kind, number, seed)
    where = pl.Series(_HIT, np.isin(np.arange(table.height), chosen))
    table = table.with_columns(where, pl.col(_USED) | where)
    value = kind.value.cast(pl.String)
    hit = table.filter(_HIT).with_columns(value.alias(kind.field))
    match kind.how:
        case "change":
            table = table.with_columns(
                pl.when(_HIT).then(new.cast(pl.String)).otherwise(pl.col(name)).alias(name)
                for name, new in ((kind.field, kind.value), *kind.also)
            )
        case "repeat":
            hit = hit.with_columns(pl.col(_PLACE) + 0.5)
            table = pl.concat([table, hit])
        case "give":
            fit = pl.col("_randomized") & ~pl.col("_dosed") & ~pl.col(_USED)
            taken = _smallest(tables["dm"], fit, kind.kind, hit.height, seed)
            takers = tables["dm"][taken]["USUBJID"]
            hit = hit.head(len(takers)).with_columns(takers, pl.col(_PLACE) + 0.5)
            table = pl.concat([table, hit])
            _use(tables, takers)
        case "drop":
            table = table.filter(~pl.col(_HIT))
            _use(tables, hit["USUBJID"])
    tables[kind.dataset] = table.drop(_HIT)
    name, column = kind.finding_at or (kind.dataset, kind.field)
    return hit.select(
        pl.lit(kind.kind).alias("kind"),
        pl.lit(name).alias("dataset"),
        pl.col("USUBJID").alias("subject"),
        pl.lit(column).alias("field"),
        pl.when(kind.how != "drop").then(pl.col(kind.field)).alias("value"),
        pl.lit(kind.check or None, dtype=pl.String).alias("check"),
        _PLACE,
    )


def _smallest(
    table: pl.DataFrame, fits: pl.Expr, kind: str, number: int, seed: int
) -> npt.NDArray[np.int64]:
    """The places of the records that fit, of those with the smallest random numbers."""
    places = table.select(fits=fits)["fits"].arg_true().to_numpy().astype(np.int64)
    records = table[_NUMBER].to_numpy()[places]
    start = Draws(seed).words(f"defect {kind}")
    order = np.argsort(split_mix(start, records), kind="stable")
    return np.sort(places[order[:number]])


def _use(tables: Frames, subjects: pl.Series) -> None:
    """Nothing else is planted into the demographics of these."""
    used = pl.col(_USED) | pl.col("USUBJID").is_in(subjects.implode())
    tables["dm"] = tables["dm"].with_columns(used.alias(_USED))


def _located(listed: pl.DataFrame, tables: Frames) -> pl.DataFrame:
    """The list with the rows of the finished datasets."""
    table = tables[listed["dataset"][0]]
    if listed["kind"][0] in _ELSEWHERE:
        rows = listed.join(table.select(subject="USUBJID", row="row"), on="subject", how="left")
    else:
        rows = listed.join(table.select(_PLACE, "row"), on=_PLACE, how="left")
    return rows.select(name for name in LISTED)


_ELSEWHERE = frozenset(kind.kind for kind in TYPICAL if kind.elsewhere)

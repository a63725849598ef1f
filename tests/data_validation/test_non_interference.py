"""Blinding, first property: what is open does not depend on anything that is sealed.

Two extracts that differ only in what is sealed are loaded, each by itself. Whatever somebody
without the board's private key can then lay hands on is the same: the open database with its row
order, the manifest, the open findings, every pooled exhibit, what `check` and `load` print and
write. And nothing sealed can be read in the bytes of the open files.

`OPEN_COLUMNS` and `OPEN_ROWS` say what may be open. They are written down here a second time on
purpose: whoever opens a field in the program has to open it here, too, and to think twice.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from polars import selectors
from polars.testing import assert_frame_equal

import data_validation.__main__ as command
from access import View
from access.audit_key import manifest_key, new_audit_key
from data_validation.domains import DOMAINS
from data_validation.facts import Exposure
from exhibits import make, offered
from exhibits.export import as_csv
from queries import open_board
from simulator import Effect, simulate, write_extract
from snapshots import Snapshot, Store, compare, open_store_digest, quote_identifier, reader
from tests.conftest import PILOT_CUTOFF, PILOT_FOLDER, KeyPair, granted
from trials import Trial, load_trial

Frames = dict[str, pl.DataFrame]
Random = np.random.Generator
# Exit code, standard output, standard error, and the JSON file, of each command.
Printed = list[tuple[int, str, str, str]]

PROVE = os.environ.get("DSMB_PROVE") == "1"
EXAMPLES = 150 if PROVE else 1

# `check` and `load` of one extract look at one assessment of it; each extract has its own.
pytestmark = pytest.mark.usefixtures("assessed_once")

# --- What may be open ------------------------------------------------------------------------

VALUE, DAY = Exposure.OPEN, Exposure.DAY


def of_tests(domain: str, *more: str) -> dict[str, Exposure]:
    """The open columns of a domain of measurements."""
    named = (f"{domain}TESTCD", f"{domain}ORRES", f"{domain}ORRESU")
    return dict.fromkeys(["USUBJID", "VISIT", *named, *more], VALUE) | {f"{domain}DTC": DAY}


# Domains without any open row; and those of which the trials here open none.
NOTHING = ("EX", "EC", "DA")
QUALIFIERS = ("SUPPAE", "SUPPDM")
MEASURED = ("LB", "VS", "RE", "RS", "CP", "EG", "QS")
OPEN_COLUMNS: dict[str, dict[str, Exposure]] = {
    "DM": dict.fromkeys(
        ["STUDYID", "USUBJID", "SITEID", "AGE", "AGEU", "SEX", "RACE", "ETHNIC", "COUNTRY"], VALUE
    )
    | {"DTHFL": VALUE, "RFICDTC": DAY, "DMDTC": DAY, "DTHDTC": DAY},
    # What became of a participant is open as a class, and why somebody left is not.
    "DS": {"USUBJID": VALUE, "DSCAT": VALUE, "DSSTDTC": DAY},
    "IE": dict.fromkeys(["USUBJID", "IETESTCD", "IECAT", "IEORRES"], VALUE) | {"IEDTC": DAY},
    "SV": {"USUBJID": VALUE, "VISIT": VALUE, "SVSTDTC": DAY, "SVENDTC": DAY},
    "EX": {},
    "AE": dict.fromkeys(
        ["USUBJID", "AEDECOD", "AEBODSYS", "AESEV", "AETOXGR", "AESER", "AEOUT"], VALUE
    )
    | dict.fromkeys(["AESDTH", "AESLIFE", "AESHOSP", "AESDISAB", "AESCONG", "AESMIE"], VALUE)
    | {"AESTDTC": DAY, "AEENDTC": DAY},
    "LB": of_tests("LB", "LBSPEC", "LBORNRLO", "LBORNRHI"),
    "VS": of_tests("VS"),
    "RE": of_tests("RE"),
    "RS": of_tests("RS", "RSCAT"),
    "CP": of_tests("CP", "CPSPEC"),
    "EG": of_tests("EG"),
    "QS": of_tests("QS", "QSCAT"),
    "EC": {},
    "DA": {},
    "HO": {"USUBJID": VALUE, "HOSTDTC": DAY, "HOENDTC": DAY},
    "SS": dict.fromkeys(["USUBJID", "SSTESTCD", "SSSTRESC", "VISIT"], VALUE) | {"SSDTC": DAY},
    "DD": {"USUBJID": VALUE, "DDTESTCD": VALUE, "DDDTC": DAY},
    "DV": {"USUBJID": VALUE, "DVSTDTC": DAY},
    "CM": {"USUBJID": VALUE, "CMSTDTC": DAY, "CMENDTC": DAY},
    "MH": dict.fromkeys(["USUBJID", "MHDECOD", "MHBODSYS", "MHOCCUR"], VALUE)
    | {"MHSTDTC": DAY, "MHENDTC": DAY},
    "CE": dict.fromkeys(["USUBJID", "CEOCCUR", "CESEV"], VALUE)
    | {"CEDTC": DAY, "CESTDTC": DAY, "CEENDTC": DAY},
    "FA": dict.fromkeys(["USUBJID", "FATESTCD", "FASTRESC", "VISIT"], VALUE) | {"FADTC": DAY},
    **dict.fromkeys(QUALIFIERS, dict.fromkeys(["USUBJID", "RDOMAIN", "QNAM", "QVAL"], VALUE)),
    # Of a procedure its class is open, by the trial definition; its name is not.
    "PR": {"USUBJID": VALUE, "PRSTDTC": DAY, "PRENDTC": DAY},
    # Who is randomized, when and in which stratum is released from the sealed list.
    "RANDOMIZATION": {"USUBJID": VALUE, "STRATUM": VALUE, "RANDDTC": DAY},
}


def said(column: str) -> pl.Expr:
    """A text as a reader takes it: letters and digits, in any case."""
    return pl.col(column).str.to_lowercase().str.replace_all("[^a-z0-9]+", " ").str.strip_chars()


def among(column: str, terms: list[str]) -> pl.Expr:
    plain = pl.DataFrame({"term": terms}, schema={"term": pl.String}).select(said("term"))
    return said(column).is_in(plain["term"].implode()).fill_null(value=False)


def measured(domain: str) -> Callable[[Trial], pl.Expr]:
    def at_visits_of_the_schedule(trial: Trial) -> pl.Expr:
        codes = [item.code for item in trial.measures if item.domain == domain]
        return among(f"{domain}TESTCD", codes) & scheduled(trial) & at_no_time_point(domain)

    return at_visits_of_the_schedule


def at_no_time_point(domain: str) -> pl.Expr:
    """Records of which no field says a time point; the definition names none as common."""
    fields = selectors.matches(f"^{domain}(TPT|TPTREF|TPTNUM|ELTM|RFTDTC)$")
    return pl.all_horizontal(pl.lit(value=True), fields.is_null())


def scheduled(trial: Trial) -> pl.Expr:
    return among("VISIT", [item.visit for item in trial.schedule])


def a_course(trial: Trial) -> pl.Expr:
    """Medication of a class on more than one day, and for no dose."""
    terms = [term for item in trial.open.medication_classes for term in item.terms]
    end, start = (
        pl.col(name).str.strip_chars().str.slice(0, 10) for name in ("CMENDTC", "CMSTDTC")
    )
    for_a_dose = pl.col("CMINDC").str.contains("(?i)premedic|instil|bronchosc|dose|cell")
    goes_on = (end.fill_null("") == "") & among("CMENRTPT", ["ONGOING"])
    lasts = goes_on | (end > start)
    return (
        among("CMDECOD", terms) & lasts.fill_null(value=False) & ~for_a_dose.fill_null(value=False)
    )


def deviation(trial: Trial) -> pl.Expr:
    of_a_dose = pl.col("DVTERM").str.contains("(?i)instil|dose|cell").fill_null(value=False)
    return among("DVCAT", list(trial.open.deviations)) & ~of_a_dose


def rated(domain: str) -> Callable[[Trial], pl.Expr]:
    def of_the_version(trial: Trial) -> pl.Expr:
        names = [
            name for item in trial.measures if item.domain == domain for name in item.categories
        ]
        return measured(domain)(trial) & among(f"{domain}CAT", names)

    return of_the_version


def classed(trial: Trial) -> pl.Expr:
    return among("PRDECOD", [term for item in trial.open.procedure_classes for term in item.terms])


MILESTONES = ["INFORMED CONSENT OBTAINED", "RANDOMIZED", "SCREEN FAILURE"]


def is_end(_trial: Trial) -> pl.Expr:
    """Ends of taking part: of no subcategory, and no milestone."""
    category = pl.col("DSCAT").fill_null("").str.strip_chars().str.to_uppercase()
    of_treatment = pl.col("DSSCAT").fill_null("").str.strip_chars() != ""
    named = pl.col("DSDECOD").fill_null("").str.strip_chars() != ""
    return category.is_in(["", "DISPOSITION EVENT"]) & ~of_treatment & named


def of_participation(trial: Trial) -> pl.Expr:
    return among("DSDECOD", MILESTONES) | is_end(trial)


OPEN_ROWS: dict[str, Callable[[Trial], pl.Expr]] = {
    "DM": lambda _trial: pl.lit(value=True),
    "DS": of_participation,
    "IE": lambda trial: among("IETESTCD", [item.id for item in trial.criteria]),
    "SV": scheduled,
    "EX": lambda _trial: pl.lit(value=False),
    "AE": lambda trial: ~among("AEDECOD", list(trial.sealed.preferred_terms)),
    "LB": measured("LB"),
    "VS": measured("VS"),
    "PR": classed,
    **{name: measured(name) for name in ("RE", "CP", "EG")},
    **{name: rated(name) for name in ("RS", "QS")},
    **dict.fromkeys(("EC", "DA", *QUALIFIERS), lambda _trial: pl.lit(value=False)),
    "HO": lambda _trial: among("HODECOD", ["HOSPITAL", "ICU"]),
    "SS": lambda trial: (
        among("SSTESTCD", ["SURVSTAT"])
        & (scheduled(trial) | (pl.col("VISIT").fill_null("").str.strip_chars() == ""))
    ),
    "DD": lambda _trial: among("DDTESTCD", ["PRCDTH"]),
    "DV": deviation,
    "CM": a_course,
    "MH": lambda trial: (
        pl.col("MHDECOD").is_not_null() & ~among("MHDECOD", list(trial.sealed.preferred_terms))
    ),
    "CE": lambda trial: among("CEDECOD", list(trial.open.symptoms)) & among("CEPRESP", ["Y"]),
    "FA": lambda trial: (
        among("FAOBJ", list(trial.open.symptoms)) & scheduled(trial) & at_no_time_point("FA")
    ),
    "RANDOMIZATION": lambda _trial: pl.lit(value=True),
}


def test_the_program_opens_what_is_written_down_here() -> None:
    opened = {
        name: {field.name: field.exposure for field in domain.open_fields}
        for name, domain in DOMAINS.items()
    }
    for domain in (opened, written := dict(OPEN_COLUMNS)):
        domain.pop("RANDOMIZATION")
    for name in NOTHING:
        assert opened.pop(name) == {"USUBJID": VALUE}, "of a domain without open rows"
        written.pop(name)
    for name in ("PR", "CM", "HO", "DS", "DV", "CE", "FA"):
        opened[name].pop(f"{name}CLASS")  # made here, not part of an extract
    for name in MEASURED:
        opened[name].pop(f"{name}VISBY")  # made here, too
    opened["LB"].pop("LBGAS")
    for name in QUALIFIERS:
        assert written.pop(name) == opened["SUPP"]
    opened.pop("SUPP")
    assert opened == written


# --- Changing everything else ----------------------------------------------------------------

# In every sealed place something is put that says so, in a permuted extract.
CANARY = "CANARY"
# In a date, number or code list, free text is masked: that something stands there is open.
FREE_TEXT = "free text: "


def permuted(extract: Frames, trial: Trial, rng: Random) -> Frames:
    """The extract with everything changed that is sealed, and nothing that is open.

    Args:
        extract: text columns by SDTM name, by upper-case dataset name; `SIMULATION`, if it is
            there, stays there, because that participants are simulated is open.
        rng: decides what becomes of each sealed value.
    """
    subjects = extract["DM"]["USUBJID"]
    changed: Frames = {}
    for name, received in extract.items():
        frame = received
        if name not in OPEN_COLUMNS:
            if name == "SIMULATION" or rng.random() < 0.5:
                # By DOMAIN a dataset is told, and a file of several is remarked on.
                cells = [column for column in frame.columns if column != "DOMAIN"]
                changed[name] = _with_other_cells(frame, cells, rng)
            continue
        if name == "DS" and "DSSCAT" not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias("DSSCAT"))
        is_open = frame.select(OPEN_ROWS[name](trial).alias("open"))["open"]
        kept = _with_other_open_rows(frame.filter(is_open), name, trial, rng)
        sealed = _with_other_sealed_rows(frame, frame.filter(~is_open), name, subjects, trial, rng)
        rows = pl.concat([kept, sealed], how="diagonal")
        gone = [column for column in sealed_columns(name, frame) if rng.random() < 0.15]
        order = [column for column in rng.permutation(rows.columns).tolist() if column not in gone]
        if rows.height or name not in NOTHING:
            changed[name] = rows.select(order).sample(fraction=1, shuffle=True, seed=_seed(rng))
    changed[f"{CANARY}S"] = pl.DataFrame({f"{CANARY}COL": _canaries(3, rng)})
    return changed


def _seed(rng: Random) -> int:
    return int(rng.integers(2**31))


def _canaries(count: int, rng: Random) -> list[str]:
    return [f"{CANARY} {number:08x}" for number in rng.integers(2**32, size=count)]


# Sealed columns that decide about their row.
DECIDING = {
    # Why somebody has no arm opens; of those with one it is shuffled below.
    "DM": {"ARMCD", "ARM", "ACTARMCD", "ACTARM", "ARMNRS"},
    "DS": {"DSDECOD", "DSTERM", "DSSCAT"},
    "PR": {"PRDECOD"},
    "RANDOMIZATION": {"ARMCD"},
    "HO": {"HODECOD"},
    "DV": {"DVCAT", "DVTERM", "DVDECOD"},
    "CM": {"CMDECOD", "CMTRT", "CMINDC", "CMENRTPT"},
    "CE": {"CEDECOD", "CETERM", "CEPRESP"},
    "FA": {"FAOBJ", "FACAT"},
}
# And of every dataset what says a time point; the definition names none as common to all arms.
TIME_POINT = ("TPT", "TPTREF", "TPTNUM", "ELTM", "RFTDTC")


def sealed_columns(name: str, frame: pl.DataFrame) -> list[str]:
    """The columns of a dataset that tell nothing which is open, unknown ones included."""
    # By DOMAIN the rows of several files become one dataset. The name of a procedure decides its
    # class, and an arm that somebody is randomized. Without subjects a dataset is refused.
    telling = {"DOMAIN", "USUBJID", *OPEN_COLUMNS[name]}
    telling |= DECIDING.get(name, set()) | {f"{name}{suffix}" for suffix in TIME_POINT}
    return [column for column in frame.columns if column not in telling]


def _with_other_open_rows(
    frame: pl.DataFrame, name: str, trial: Trial, rng: Random
) -> pl.DataFrame:
    """Open rows: sealed cells replaced, clock times and masked text changed."""
    if name == "PR":
        frame = _with_other_names(frame, trial, rng)
    if name == "RANDOMIZATION":
        frame = _with_other_arms(frame, trial, rng)
    if name == "DS":
        frame = _with_other_reasons(frame, trial, rng)
    if name == "DM":
        frame = _with_other_planned_arms(frame, trial, rng)
    frame = _with_other_cells(frame, sealed_columns(name, frame), rng)
    for column, exposure in OPEN_COLUMNS[name].items():
        if column in frame.columns:
            other = _other_text(frame[column], rng, clock=exposure is DAY)
            if column == "LBDTC":
                # By clock times gases are paired, and the value of the day is chosen: released.
                kept = pl.col("LBTESTCD").is_in(["PO2", "FIO2"])
                chosen = pl.when(kept).then(column).otherwise(other).alias(column)
                other = frame.select(chosen).to_series()
            frame = frame.with_columns(other)
    return frame.with_columns(
        pl.Series(f"{CANARY}X", _canaries(frame.height, rng), dtype=pl.String)
    )


def _with_other_cells(frame: pl.DataFrame, columns: list[str], rng: Random) -> pl.DataFrame:
    """Each column shuffled, emptied or overwritten; a canary in every one of them."""
    for column in columns:
        values = frame[column].sample(fraction=1, shuffle=True, seed=_seed(rng)).to_list()
        for row, other in enumerate(_canaries(len(values), rng)):
            fate = rng.random()
            if fate < 0.2 or row == 0:
                values[row] = other
            elif fate < 0.3:
                values[row] = None
        values = [values[row] for row in rng.permutation(len(values))]
        frame = frame.with_columns(pl.Series(column, values, dtype=pl.String))
    return frame


def _other_text(values: pl.Series, rng: Random, *, clock: bool) -> pl.Series:
    """An open column with other clock times, and other free text where there is free text."""
    texts = values.to_list()
    for row, (text, canary) in enumerate(zip(texts, _canaries(len(texts), rng), strict=True)):
        if text is None:
            continue
        if text.startswith(FREE_TEXT):
            texts[row] = FREE_TEXT + canary
        elif clock and len(text.strip()) >= 10:
            time = f"T{rng.integers(24):02}:{rng.integers(60):02}"
            texts[row] = text.strip()[:10] + str(rng.choice(["", time, f" {canary}", f"T{canary}"]))
    return pl.Series(values.name, texts, dtype=pl.String)


def _with_other_names(frame: pl.DataFrame, trial: Trial, rng: Random) -> pl.DataFrame:
    """Procedures under another name of the same class."""
    classes = [[str(term).upper() for term in item.terms] for item in trial.open.procedure_classes]
    names = []
    for name in frame["PRDECOD"]:
        (terms,) = [terms for terms in classes if name.upper() in terms]
        other = str(rng.choice(terms))
        names.append(other.title() if rng.random() < 0.5 else other)
    return frame.with_columns(pl.Series("PRDECOD", names, dtype=pl.String))


def _with_other_reasons(frame: pl.DataFrame, trial: Trial, rng: Random) -> pl.DataFrame:
    """Those who left did so for the reasons of others, in other words."""
    why = among("DSDECOD", [*MILESTONES, "COMPLETED", "DEATH"])
    left = frame.select((is_end(trial) & ~why).alias("left"))["left"]
    theirs = frame.filter(left)
    reasons = theirs["DSDECOD"].sample(fraction=1, shuffle=True, seed=_seed(rng))
    words = pl.Series("DSTERM", _canaries(theirs.height, rng), dtype=pl.String)
    return pl.concat([frame.filter(~left), theirs.with_columns(reasons, words)], how="diagonal")


def _with_other_planned_arms(frame: pl.DataFrame, trial: Trial, rng: Random) -> pl.DataFrame:
    """Arms of demographics shuffled among those who have one."""
    for column in sorted(DECIDING["DM"] & set(frame.columns)):
        names = [*trial.arm_codes, *(arm.name for arm in trial.arms.list)]
        has_arm = frame.select(among(column, names))[column]
        shuffled = frame.filter(has_arm)[column].sample(fraction=1, shuffle=True, seed=_seed(rng))
        values = frame[column].to_list()
        for place, value in zip(has_arm.arg_true(), shuffled, strict=True):
            values[place] = value
        frame = frame.with_columns(pl.Series(column, values, dtype=pl.String))
    return frame


def _with_other_arms(frame: pl.DataFrame, trial: Trial, rng: Random) -> pl.DataFrame:
    """Other arms of the same participants, by code, by name, or by a text that names none."""
    texts = [*trial.arm_codes, *(arm.name for arm in trial.arms.list), *_canaries(2, rng)]
    arms = rng.choice(texts, size=frame.height).tolist()
    return frame.with_columns(pl.Series("ARMCD", arms, dtype=pl.String))


def _with_other_sealed_rows(
    frame: pl.DataFrame,
    sealed: pl.DataFrame,
    name: str,
    subjects: pl.Series,
    trial: Trial,
    rng: Random,
) -> pl.DataFrame:
    """Sealed rows taken out, doubled, given to other subjects; and new ones made of open ones."""
    if name in {"DM", "RANDOMIZATION"}:
        return sealed
    kept = sealed.sample(fraction=rng.random(), with_replacement=True, seed=_seed(rng))
    if name in (*NOTHING, *QUALIFIERS):
        made = kept
    else:
        count = min(frame.height, int(rng.integers(1, 12)))
        made = _with_what_seals(frame.sample(count, seed=_seed(rng)), name, trial, rng)
    rows = pl.concat([kept, made], how="diagonal")
    if name == "AE" and rows.height:
        # In steps, the number of events under sealed terms is open.
        step = trial.blinding.smallest_cell
        count = sealed.height // step * step + int(rng.integers(step))
        rows = rows.sample(count, with_replacement=True, seed=_seed(rng))
    given_to = rng.choice(subjects.to_numpy(), size=rows.height).tolist()
    # Also dates that, if they were open, would move the data cut-off.
    # Those of a medication say whether it lasted for more than a day, and so whether it is open.
    moved = [
        column
        for column in rows.columns
        if column.endswith("DTC") and name != "CM" and rng.random() < 0.5
    ]
    return rows.with_columns(
        pl.Series("USUBJID", given_to, dtype=pl.String),
        *(pl.lit("2031-05-17T10:11").alias(column) for column in moved),
    )


def _with_what_seals(rows: pl.DataFrame, name: str, trial: Trial, rng: Random) -> pl.DataFrame:
    """Rows with the one value that seals a row of this domain."""
    if name in ("AE", "MH") and not trial.sealed.preferred_terms:
        return rows.clear()
    (canary,) = _canaries(1, rng)
    visits = ["UNSCHEDULED 3.01", "INSTILLATION 1", canary]
    places: dict[str, list[tuple[str, list[str]]]] = {
        "DS": [("DSSCAT", ["STUDY TREATMENT", "STUDY DRUG", canary])],
        "IE": [("IETESTCD", ["EXCL99", canary])],
        "SV": [("VISIT", visits)],
        "AE": [("AEDECOD", [term.upper() for term in trial.sealed.preferred_terms])],
        "LB": [("VISIT", visits), ("LBTESTCD", ["DONORDNA", canary])],
        "VS": [("VISIT", visits), ("VSTESTCD", ["POSTDOSE", canary])],
        "PR": [("PRDECOD", ["BRONCHOSCOPY", "UC-MSC INSTILLATION", canary])],
        **{
            name: [("VISIT", visits), (f"{name}TESTCD", ["POSTDOSE", canary])]
            for name in ("RE", "RS", "CP", "EG", "QS")
        },
        "HO": [("HODECOD", ["INSTILLATION UNIT", canary])],
        "SS": [("SSTESTCD", ["TRTSTAT", canary])],
        "DD": [("DDTESTCD", ["TRTREL", canary])],
        "DV": [("DVCAT", ["STUDY TREATMENT", canary])],
        "CM": [("CMDECOD", ["DIPHENHYDRAMINE", canary])],
        "MH": [("MHDECOD", [term.upper() for term in trial.sealed.preferred_terms])],
        "CE": [("CEDECOD", ["INSTILLATION SITE PAIN", canary])],
        "FA": [("FAOBJ", ["INSTILLATION", canary])],
    }
    if name in (*MEASURED, "FA"):
        # Samples around a dose, at a visit of the schedule, by whichever field says it.
        places[name].append((f"{name}{rng.choice(TIME_POINT)}", ["2H POST", "PRE", "1", canary]))
    column, values = places[name][int(rng.integers(len(places[name])))]
    value: str | None = str(rng.choice(values))
    beside = {"PR": "PRTRT", "HO": "HOTERM", "CM": "CMTRT", "DV": "DVDECOD", "CE": "CETERM"}
    if name in beside:
        rows = rows.with_columns(pl.lit(value).alias(beside[name]))
    if name == "DS":
        # Of a milestone the subcategory says nothing.
        rows = rows.with_columns(
            pl.lit("ADVERSE EVENT").alias("DSDECOD"), pl.lit(canary).alias("DSTERM")
        )
    by_date = name in MEASURED and column == "VISIT"
    at_no_time_point = column.endswith(TIME_POINT)
    if name not in ("AE", "SS", "DS") and not (by_date or at_no_time_point) and rng.random() < 0.2:
        value = None  # of an empty value no rule can say that it is open
    return rows.with_columns(pl.lit(value, dtype=pl.String).alias(column))


def write_files(frames: Frames, folder: Path, rng: Random) -> None:
    """Write an extract in files as they come: CSV or Parquet, some datasets in several."""
    folder.mkdir()
    for name, frame in frames.items():
        parts = {name: frame}
        if "DOMAIN" in frame.columns and frame.height > 1 and rng.random() < 0.5:
            at = int(rng.integers(1, frame.height))
            parts = {name: frame[:at], f"{name}{CANARY}": frame[at:]}
        for stem, part in parts.items():
            named = {stem.lower() if rng.random() < 0.5 else stem: part}
            write_extract(named, folder, format="csv" if rng.random() < 0.5 else "parquet")


# --- What somebody without the key can see ---------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """All that loads leave in the open, in a form that compares.

    Attributes:
        manifests: of each snapshot, without the moment of the load and without what is sealed in
            it, of which only the length can be seen; of the digests of its files, which are there
            for everybody to be digested, their names; of the audit trail, whose key and moments
            are its own, how many rows it had.
        digests: of what each open database says, anew.
        tables: each open database as it is read off the disk, rows in the order of storage.
        exhibits: what scripts and pages get of every pooled exhibit of the last, figures included.
        printed: standard output and standard error of each command, its exit code, and the JSON
            that it wrote.
        files: what lies in the trial's folder.
    """

    manifests: list[dict[str, Any]]
    digests: list[str]
    tables: dict[tuple[str, str], pl.DataFrame]
    exhibits: dict[str, Any]
    printed: Printed
    files: list[str]


def run(*arguments: str | Path, json_file: Path) -> tuple[int, str, str, str]:
    """One command of `python -m data_validation`: exit code, output, errors and JSON."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = command.main([str(item) for item in (*arguments, "--json", json_file)])
    return code, out.getvalue(), err.getvalue(), json_file.read_text("utf-8")


def commands(
    folder: Path, extracts: list[Path], trial: Trial, keys: KeyPair, *more: str
) -> tuple[Printed, Path]:
    """Check and load extracts one after the other: what that prints, and the store."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as place:
        place.chdir(folder)
        for name in os.environ:
            if name.startswith("DSMB_"):
                place.delenv(name)
        place.setenv("DSMB_STORE", str(folder / "store"))
        place.setenv("DSMB_BOARD_PUBLIC_KEY_FILE", str(keys.public))
        place.setenv("DSMB_RECORDS_URL", f"sqlite:///{folder}/records.db")
        place.setenv("DSMB_AUDIT_KEY_FILE", str(folder / "audit.key"))
        new_audit_key(folder / "audit.key")
        printed = [
            run(act, extract, "--trial", trial.id, *more, json_file=folder / "findings.json")
            for extract in extracts
            for act in ("check", "load")
        ]
    return printed, folder / "store"


def load_and_look(
    folder: Path, extracts: list[Path], trial: Trial, keys: KeyPair, *more: str
) -> Seen:
    """Load extracts one after the other into a new store, and look at what is open."""
    printed, store = commands(folder, extracts, trial, keys, *more)
    snapshots = Store(store, manifest_key(folder / "audit.key")).trial(trial.id).snapshots()
    assert len(snapshots) == len(extracts), printed
    return Seen(
        manifests=[seen_of(snapshot) for snapshot in snapshots],
        digests=[open_store_digest(snapshot.open_path).digest for snapshot in snapshots],
        tables={
            (str(snapshot.id), name): table
            for snapshot in snapshots
            for name, table in open_tables(snapshot).items()
        },
        exhibits=pooled_exhibits(trial, snapshots[-1]),
        printed=printed,
        files=sorted(str(path.relative_to(store)) for path in store.rglob("*")),
    )


def seen_of(snapshot: Snapshot) -> dict[str, Any]:
    """A manifest, but what is another in every load."""
    manifest: dict[str, Any] = json.loads(snapshot.manifest.to_json())
    del manifest["loaded_at"]
    for name in ("wrapped_key", "wrapped_labels"):
        manifest[name] = len(manifest[name])
    manifest["files"] = sorted(manifest["files"])
    manifest["records"] = manifest["records"]["row"]
    return manifest


def open_tables(snapshot: Snapshot) -> dict[str, pl.DataFrame]:
    connection = reader(snapshot.open_path)
    names = connection.execute(
        "select table_name from duckdb_tables() where database_name = 'open_data' order by all"
    ).fetchall()
    tables = {
        name: connection.execute(
            f"select * from open_data.{quote_identifier(name)} order by rowid"
        ).pl()
        for (name,) in names
    }
    connection.close()
    return tables


def pooled_exhibits(trial: Trial, snapshot: Snapshot) -> dict[str, Any]:
    """Every exhibit: text, numbers, table, download and figure."""
    grant = granted(View.POOLED, trial=trial.id, snapshot=str(snapshot.id))
    board = open_board(trial, snapshot, grant)
    shown = {}
    for item in offered(View.POOLED):
        exhibit = make(item.name, board)
        shown[item.name] = (
            json.dumps(exhibit.as_data(), default=str, sort_keys=True),
            as_csv(exhibit),
            exhibit.description,
            exhibit.figure.to_json() if exhibit.figure is not None else None,
        )
    assert shown
    return shown


def assert_the_same(one: Seen, other: Seen) -> None:
    """Compare part by part, the most telling difference first."""
    assert one.tables.keys() == other.tables.keys()
    for name, table in one.tables.items():
        assert_frame_equal(table, other.tables[name], check_exact=True)
    assert one.digests == [manifest["digest"] for manifest in one.manifests] == other.digests
    assert one.manifests == other.manifests
    for exhibit, shown in one.exhibits.items():
        assert shown == other.exhibits[exhibit], exhibit
    assert one.exhibits.keys() == other.exhibits.keys()
    for mine, theirs in zip(one.printed, other.printed, strict=True):
        for this, that in zip(mine, theirs, strict=True):
            assert str(this).splitlines() == str(that).splitlines()
    assert one.files == other.files


def open_bytes(folder: Path) -> bytes:
    """The open files of a store, and every text of the open database apart from them.

    A database compresses its text, so the bytes of its file alone would not show all there is.
    """
    found = []
    for path in (folder / "store").rglob("open.duckdb"):
        found += [path.read_bytes(), path.with_name("manifest.json").read_bytes()]
        connection = reader(path)
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'open_data'"
        ).fetchall()
        for (name,) in tables:
            frame = connection.execute(f"from open_data.{quote_identifier(name)}").pl()
            found += [name.encode(), "\n".join(frame.columns).encode()]
            for column in frame.iter_columns():
                found.append("\n".join(column.cast(pl.String).drop_nulls()).encode())
        connection.close()
    assert found
    return b"\n".join(found)


# --- The proofs ------------------------------------------------------------------------------

EFFECTS = {
    "no effect": Effect(),
    "benefit": Effect(mortality_ratio=0.3, recovery_ratio=2.0),
    "harm": Effect(mortality_ratio=3.0, event_ratios={"allergic": 20.0}),
}
# Effect, seed, and whether the extract has the allocation list. Without it, that somebody is
# randomized is read off the dispositions.
RECEIVED = [
    ("no effect", 0, True),
    ("benefit", 5, True),
    ("harm", 2, True),
    ("harm", 8, False),
]
if PROVE:
    RECEIVED += [(effect, seed, seed % 3 > 0) for effect in EFFECTS for seed in range(10, 16)]


def as_text(frames: Mapping[str, pl.DataFrame]) -> Frames:
    """Datasets as an extract has them: text, empty where there is nothing."""
    return {name.upper(): frame.select(pl.all().cast(pl.String)) for name, frame in frames.items()}


TRIAL = load_trial("nct05689008")


@cache
def simulated(effect: str, seed: int, allocation_list: bool) -> Frames:
    """A small simulated extract with what real ones have: gaps, free text, repeated records."""
    frames = as_text(
        simulate(
            TRIAL,
            participants=12 + seed,
            sites=2,
            seed=seed,
            cutoff=date(2024, 6, 1),
            effect=EFFECTS[effect],
        )
    )
    events = frames["AE"]
    frames["AE"] = pl.concat(
        [
            _with(events, {"AESTDTC": "2023-05", "AEOUT": FREE_TEXT + "better after the cells"}, 5),
            _with(events[:1], {"AEDECOD": "Infusion related reaction"}, 1),
            # Equal in all that is open, different in what is sealed.
            events[:6].with_columns(pl.lit("RELATED").alias("AEREL"), pl.lit("99").alias("AESEQ")),
        ]
    )
    frames["AE"] = _with(frames["AE"], {"AESER": None, "AEENDTC": FREE_TEXT + "dose 2"}, 7)
    frames["LB"] = _with(frames["LB"], {"LBORRES": FREE_TEXT + "as in arm B"}, 50)
    frames["LB"] = _with(frames["LB"], {"LBORRES": "<3.42", "LBORRESU": None}, 70)
    frames["VS"] = pl.concat([frames["VS"], frames["VS"][:9]])
    frames["DM"] = _with(frames["DM"], {"AGE": FREE_TEXT + "UC-MSC", "SITEID": None}, 9)
    if not allocation_list:
        del frames["RANDOMIZATION"]
    return frames


def _with(frame: pl.DataFrame, cells: Mapping[str, str | None], every: int) -> pl.DataFrame:
    """The frame with some cells of every so-manyth row replaced."""
    hit = pl.int_range(pl.len()) % every == 0
    return frame.with_columns(
        pl.when(hit).then(pl.lit(text, dtype=pl.String)).otherwise(pl.col(name)).alias(name)
        for name, text in cells.items()
    )


Received = tuple[str, int, bool]
Look = Callable[[Received, int], tuple[Seen, Path]]


def extracts_of(received: Received, loads: int) -> list[Frames]:
    """What is loaded: the extract, and before it the same without, or with, the allocation list."""
    effect, seed, allocation_list = received
    return [simulated(effect, seed, not allocation_list), simulated(*received)][-loads:]


@pytest.fixture(scope="module")
def as_received(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Look:
    """What is open of simulated extracts as they are, and the folder of their loads, made once."""

    @cache
    def look(received: Received, loads: int) -> tuple[Seen, Path]:
        folder = tmp_path_factory.mktemp("received")
        extracts = [folder / f"extract-{number}" for number in range(loads)]
        for frames, extract in zip(extracts_of(received, loads), extracts, strict=True):
            write_extract(frames, extract)
        return load_and_look(folder, extracts, TRIAL, key_pair), folder

    return look


@pytest.mark.timeout(3600 if PROVE else 300)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    # Which seed fails says nothing, so a smaller one is not looked for.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    received=st.sampled_from(RECEIVED if PROVE else RECEIVED[2:3]),
    # What is new and what persists is told from the open part of the snapshot before.
    loads=st.integers(1 if PROVE else 2, 2),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_open_does_not_depend_on_what_is_sealed(
    as_received: Look,
    tmp_path_factory: pytest.TempPathFactory,
    key_pair: KeyPair,
    received: Received,
    loads: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("permuted")
    extracts = [folder / f"extract-{number}" for number in range(loads)]
    for frames, extract in zip(extracts_of(received, loads), extracts, strict=True):
        write_files(permuted(frames, TRIAL, rng), extract, rng)
    seen = load_and_look(folder, extracts, TRIAL, key_pair)
    original, original_folder = as_received(received, loads)
    assert_the_same(original, seen)
    assert {code for code, *_ in seen.printed} == {0}
    if loads > 1:
        last = seen.tables[seen.manifests[-1]["snapshot"], "finding"]
        assert set(last["status"]) >= {"persisting"}
    assert CANARY.lower().encode() not in open_bytes(folder).lower()
    assert compare_is_empty(original_folder, folder, TRIAL)


def compare_is_empty(one: Path, other: Path, trial: Trial) -> bool:
    """Whether `diff` would find the two the same."""
    before, after = (Store(folder / "store").trial(trial.id).current() for folder in (one, other))
    assert before is not None
    assert after is not None
    return all(item.unchanged for item in compare(before, after))


@pytest.mark.parametrize("received", RECEIVED if PROVE else RECEIVED[2:3])
def test_nothing_sealed_can_be_read_in_the_open_files(
    as_received: Look, received: Received
) -> None:
    """The extract as it is: its own sealed texts, not planted ones."""
    _, folder = as_received(received, 2)
    found = open_bytes(folder)
    opened, sealed = texts_of(simulated(*received))
    lines = set(found.split(b"\n"))
    readable = {text for text in opened if text.encode() in lines}
    assert len(readable) > 0.9 * len(opened), "the search finds what is there"
    for code, name in ((arm.code, arm.name) for arm in TRIAL.arms.list):
        assert code in sealed
        assert name in sealed
    assert sealed & set(TRIAL.sealed.preferred_terms)
    assert {text for text in sealed if text.encode() in found} == set()


def texts_of(frames: Frames) -> tuple[set[str], set[str]]:
    """The texts of open cells as the open store may show them, and the other texts.

    Of the others, those that are part of an open text are left out, and those that would mean
    nothing where they are found: numbers and the shortest.
    """
    opened: set[str] = set()
    every: set[str] = set()
    for name, frame in frames.items():
        for column in frame.columns:
            every |= set(frame[column].drop_nulls())
        if name not in OPEN_COLUMNS:
            continue
        rows = frame.filter(OPEN_ROWS[name](TRIAL))
        for column, exposure in OPEN_COLUMNS[name].items():
            if column in rows.columns:
                shown = rows[column].drop_nulls().str.strip_chars()
                shown = shown.filter(~shown.str.starts_with(FREE_TEXT))
                opened |= set(shown.str.slice(0, 10) if exposure is DAY else shown)
    # What shows as a class has the class's name, which a sealed cell may use as well.
    classes = {"HOSPITAL", "ICU", *TRIAL.open.deviations, *TRIAL.open.symptoms}
    classes |= {"RANDOMIZED", "SCREEN FAILURE", "COMPLETED", "DEATH", "LEFT EARLY"}
    # Why somebody failed screening is released: they have no arm.
    failed = frames["DS"].filter(among("DSDECOD", ["SCREEN FAILURE"]))["DSTERM"]
    together = "\n".join(opened | classes | set(failed.drop_nulls()))
    telling = {text for text in every if len(text) > 4 and any(map(str.isalpha, text))}
    return opened, {text for text in telling if text not in together}


def test_a_refusal_tells_nothing_sealed(tmp_path: Path, key_pair: KeyPair) -> None:
    """A load that is refused says and keeps the same, whatever else is sealed in the extract."""
    rng = np.random.default_rng(2)
    received = dict(simulated("harm", 2, True))
    stranger = _with(received["AE"][:1], {"USUBJID": "STRANGER", "AEDECOD": "Nausea"}, 1)
    received["AE"] = pl.concat([received["AE"], stranger])
    kept = []
    for name, doses in (("few", 1), ("many", 5)):
        frames = permuted(received, TRIAL, rng)
        # Of these, every one is a critical finding, and sealed.
        frames["EX"] = pl.DataFrame(
            {"USUBJID": [f"{CANARY}{number}" for number in range(doses)], "EXTRT": "UC-MSC"}
        )
        write_files(frames, tmp_path / name, rng)
        printed, store = commands(tmp_path / f"at-{name}", [tmp_path / name], TRIAL, key_pair)
        assert [code for code, *_ in printed] == [2, 2]
        refusal = json.loads((store / TRIAL.id / "refused.json").read_text("utf-8"))
        del refusal["at"]
        kept.append((printed, refusal))
    assert kept[0] == kept[1]
    assert CANARY not in json.dumps(kept, default=str)
    assert "STRANGER" in json.dumps(kept, default=str)


def test_real_data_of_three_arms(tmp_path: Path, key_pair: KeyPair) -> None:
    """The CDISC pilot: its own columns, its own gaps, and datasets that nothing here knows."""
    trial = load_trial("cdiscpilot01")
    rng = np.random.default_rng(3)
    files = ("dm", "ds", "sv", "ex", "ae", "se", "suppae", "relrec")
    frames = {name: pl.read_parquet(PILOT_FOLDER / f"{name}.parquet") for name in files}
    extract = {name: blank_as_null(frame) for name, frame in as_text(frames).items()}
    seen = []
    for name, chosen in (("received", extract), ("permuted", permuted(extract, trial, rng))):
        folder = tmp_path / name
        folder.mkdir()
        write_files(chosen, folder / "extract", rng)
        cutoff = ("--cutoff", str(PILOT_CUTOFF))
        seen.append(load_and_look(folder, [folder / "extract"], trial, key_pair, *cutoff))
    assert_the_same(*seen)
    (participants,) = (
        table for (_, name), table in seen[0].tables.items() if name == "participant"
    )
    assert participants["randomized"].sum() == 254
    assert CANARY.lower().encode() not in open_bytes(tmp_path / "permuted").lower()


def blank_as_null(frame: pl.DataFrame) -> pl.DataFrame:
    """Where nothing stands, a file may have an empty text."""
    text = pl.all().str.strip_chars()
    return frame.with_columns(pl.when(text != "").then(pl.all()).name.keep())


@pytest.mark.parametrize("received", RECEIVED[:3] if PROVE else RECEIVED[2:3])
def test_the_permutation_reaches_every_sealed_column_and_no_open_cell(
    received: Received,
) -> None:
    """The proof is as good as its permutation."""
    before = simulated(*received)
    after = permuted(before, TRIAL, np.random.default_rng(4))
    for name, frame in before.items():
        if name not in OPEN_COLUMNS or name in (*NOTHING, *QUALIFIERS):
            continue
        shown = [open_cells(name, extract) for extract in (before, after)]
        assert_frame_equal(*shown)
        sealed = set(sealed_columns(name, frame))
        assert sealed
        for column in sealed & set(after[name].columns):
            assert after[name][column].str.contains(CANARY).any(), (name, column)
        if name not in {"DM", "RANDOMIZATION"}:
            assert not frame["USUBJID"].equals(after[name]["USUBJID"])
    assert sorted(after["RANDOMIZATION"]["ARMCD"]) != sorted(before["RANDOMIZATION"]["ARMCD"])


def open_cells(name: str, extract: Frames) -> pl.DataFrame:
    """Open cells of the open rows of a dataset, as far as they are open, in an order of theirs."""
    rows = extract[name].filter(OPEN_ROWS[name](TRIAL))
    columns = [
        pl.when(pl.col(column).str.starts_with(FREE_TEXT))
        .then(pl.lit(FREE_TEXT))
        .otherwise(pl.col(column).str.slice(0, 10) if exposure is DAY else pl.col(column))
        .alias(column)
        for column, exposure in OPEN_COLUMNS[name].items()
        if column in rows.columns
    ]
    return rows.select(columns).sort(pl.all())

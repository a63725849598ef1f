"""A small, faultless extract of NCT05689008 as rows of text, and what the pipeline makes of it.

Tests change a few cells of it: S-001 is randomized to UC-MSC and recovers, S-002 to control and
dies, S-003 fails screening.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, cast

import polars as pl

from data_validation.assess import Assessment, assess
from data_validation.domains import DOMAINS
from data_validation.facts import Domain
from data_validation.findings import find
from data_validation.readers import Dataset, Extract
from data_validation.relations import participants
from data_validation.released import released
from data_validation.rules import Evidence
from data_validation.sealing import Tables, split
from tests.conftest import without_checks
from trials import Trial, load_trial

Row = dict[str, str | None]
Rows = dict[str, list[Row]]
# Domain, position of the row, what becomes of it: new cells, or None to take the row out. Position
# None adds a copy of the first row, changed.
Change = tuple[str, int | None, Row | None]

CUTOFF = date(2023, 3, 31)
TRIAL: Trial = load_trial("nct05689008")


# Of simulated participants the latest open date is the cut-off; a real extract has to state one.
SIMULATED: Rows = {"SIMULATION": [{"SIMULATED": "Y", "SEED": "7"}]}


def _blood(subject: str, **cells: str) -> Row:
    arterial = {"LBSPEC": "ARTERIAL BLOOD", "VISIT": "BASELINE", "LBDTC": "2023-03-10"}
    return {"USUBJID": subject, **arterial, **cells}


def _vital(subject: str, **cells: str) -> Row:
    return {"USUBJID": subject, "VISIT": "BASELINE", "VSDTC": "2023-03-10", **cells}


_DEMOGRAPHICS: Row = {
    "STUDYID": "NCT05689008",
    "SITEID": "01",
    "AGEU": "YEARS",
    "RACE": "ASIAN",
    "ETHNIC": "NOT HISPANIC OR LATINO",
    "COUNTRY": "CHN",
    "RFICDTC": "2023-03-08",
    "DMDTC": "2023-03-08",
    "DTHDTC": None,
    "DTHFL": None,
    "ARMCD": None,
    "ACTARMCD": None,
}

_CLEAN: Rows = {
    "DM": [
        _DEMOGRAPHICS | {"USUBJID": "S-001", "AGE": "60", "SEX": "F", "ARMCD": "UCMSC"},
        _DEMOGRAPHICS
        | {
            "USUBJID": "S-002",
            "AGE": "71",
            "SEX": "M",
            "ARMCD": "CONTROL",
            "DTHDTC": "2023-03-25",
            "DTHFL": "Y",
        },
        _DEMOGRAPHICS | {"USUBJID": "S-003", "AGE": "50", "SEX": "M"},
    ],
    "RANDOMIZATION": [
        {"USUBJID": "S-001", "ARMCD": "UCMSC", "RANDDTC": "2023-03-10", "STRATUM": "SEVERE"},
        {"USUBJID": "S-002", "ARMCD": "CONTROL", "RANDDTC": "2023-03-10", "STRATUM": "CRITICAL"},
    ],
    "DS": [
        {"USUBJID": "S-001", "DSDECOD": "RANDOMIZED", "DSSTDTC": "2023-03-10"},
        {"USUBJID": "S-002", "DSDECOD": "RANDOMIZED", "DSSTDTC": "2023-03-10"},
        {"USUBJID": "S-002", "DSDECOD": "DEATH", "DSSTDTC": "2023-03-25"},
        {"USUBJID": "S-003", "DSDECOD": "SCREEN FAILURE", "DSSTDTC": "2023-03-09"},
    ],
    "IE": [
        {
            "USUBJID": "S-003",
            "IETESTCD": "INCL03",
            "IECAT": "INCLUSION",
            "IEORRES": "N",
            "IEDTC": "2023-03-09",
        },
    ],
    "SV": [
        {"USUBJID": "S-001", "VISIT": "SCREENING", "SVSTDTC": "2023-03-09"},
        {"USUBJID": "S-001", "VISIT": "BASELINE", "SVSTDTC": "2023-03-10"},
        {"USUBJID": "S-002", "VISIT": "BASELINE", "SVSTDTC": "2023-03-10"},
    ],
    "EX": [
        {"USUBJID": "S-001", "EXTRT": "UC-MSC", "EXDOSE": "100", "EXSTDTC": "2023-03-10"},
        {"USUBJID": "S-001", "EXTRT": "UC-MSC", "EXDOSE": "100", "EXSTDTC": "2023-03-13"},
    ],
    "AE": [
        {
            "USUBJID": "S-001",
            "AEDECOD": "Pyrexia",
            "AESER": "N",
            "AEOUT": "RECOVERED/RESOLVED",
            "AESDTH": "N",
            "AESHOSP": "N",
            "AESTDTC": "2023-03-12",
            "AEENDTC": "2023-03-14",
        },
        {
            "USUBJID": "S-002",
            "AEDECOD": "Respiratory failure",
            "AESER": "Y",
            "AEOUT": "FATAL",
            "AESDTH": "Y",
            "AESHOSP": "N",
            "AESTDTC": "2023-03-24",
            "AEENDTC": "2023-03-25",
        },
    ],
    "LB": [
        _blood("S-001", LBTESTCD="PO2", LBORRES="80", LBORRESU="mmHg"),
        _blood("S-001", LBTESTCD="FIO2", LBORRES="50", LBORRESU="%"),
        _blood("S-001", LBTESTCD="CRP", LBORRES="40", LBORRESU="mg/L", LBSPEC="SERUM"),
        _blood("S-002", LBTESTCD="PO2", LBORRES="68", LBORRESU="mmHg"),
    ],
    "VS": [
        _vital("S-001", VSTESTCD="HEIGHT", VSORRES="165", VSORRESU="cm"),
        _vital("S-001", VSTESTCD="WEIGHT", VSORRES="65", VSORRESU="kg"),
        _vital("S-002", VSTESTCD="TEMP", VSORRES="38.4", VSORRESU="C"),
    ],
    "PR": [
        {
            "USUBJID": "S-001",
            "PRTRT": "NASAL CANNULA",
            "PRSTDTC": "2023-03-09",
            "PRENDTC": "2023-03-12",
        },
        {
            "USUBJID": "S-002",
            "PRTRT": "MECHANICAL VENTILATION",
            "PRSTDTC": "2023-03-20",
            "PRENDTC": None,
        },
    ],
}


# The rest of what an extract can have, faultless as well; a test that changes one of these gets it.
_MORE: Rows = {
    "DV": [
        {"USUBJID": "S-001", "DVCAT": "VISIT SCHEDULE", "DVTERM": "late", "DVSTDTC": "2023-03-20"}
    ],
    "HO": [
        {
            "USUBJID": "S-001",
            "HOTERM": "Hospital stay",
            "HODECOD": "HOSPITAL",
            "HOSTDTC": "2023-03-07",
            "HOENDTC": "2023-03-11",
        },
        {
            "USUBJID": "S-002",
            "HOTERM": "Intensive care unit",
            "HODECOD": "ICU",
            "HOSTDTC": "2023-03-24",
            "HOENDTC": "2023-03-25",
        },
    ],
    "SS": [
        {"USUBJID": "S-001", "SSTESTCD": "SURVSTAT", "SSSTRESC": "ALIVE", "SSDTC": "2023-03-28"},
        {"USUBJID": "S-002", "SSTESTCD": "SURVSTAT", "SSSTRESC": "DEAD", "SSDTC": "2023-03-28"},
    ],
    "DD": [
        {
            "USUBJID": "S-002",
            "DDTESTCD": "PRCDTH",
            "DDORRES": "Respiratory failure",
            "DDDTC": "2023-03-25",
        }
    ],
    "EC": [
        {
            "USUBJID": "S-001",
            "ECTRT": "UC-MSC",
            "ECMOOD": "PERFORMED",
            "ECOCCUR": "Y",
            "ECDOSE": "100",
            "ECLOT": "L-1",
            "ECSTDTC": day,
        }
        for day in ("2023-03-10", "2023-03-13")
    ],
    "DA": [
        {
            "USUBJID": "S-001",
            "DAREFID": "L-1",
            "DATESTCD": "DISPAMT",
            "DAORRES": "2",
            "DAORRESU": "BAG",
            "DADTC": "2023-03-10",
        }
    ],
    "CM": [
        {
            "USUBJID": "S-001",
            "CMTRT": "Dexamethasone",
            "CMDECOD": "DEXAMETHASONE",
            "CMINDC": "COVID-19",
            "CMSTDTC": "2023-03-08",
            "CMENDTC": "2023-03-17",
        },
        {
            "USUBJID": "S-001",
            "CMTRT": "Dexamethasone",
            "CMDECOD": "DEXAMETHASONE",
            "CMINDC": "Premedication",
            "CMSTDTC": "2023-03-13",
            "CMENDTC": "2023-03-13",
        },
    ],
    "MH": [{"USUBJID": "S-001", "MHDECOD": "Hypertension", "MHSTDTC": "2015"}],
    "CE": [
        {
            "USUBJID": "S-001",
            "CETERM": "Cough",
            "CEDECOD": "COUGH",
            "CEPRESP": "Y",
            "CEOCCUR": "Y",
            "CESEV": "MILD",
            "CEDTC": "2023-03-12",
            "CESTDTC": "2023-03-05",
        }
    ],
    "FA": [
        {
            "USUBJID": "S-001",
            "FAOBJ": "Cough",
            "FATESTCD": "SEV",
            "FAORRES": "Mild",
            "FASTRESC": "MILD",
            "VISIT": "DAY 3",
            "FADTC": "2023-03-12",
        }
    ],
    "RE": [
        {
            "USUBJID": "S-002",
            "RETESTCD": "PEEP",
            "REORRES": "8",
            "REORRESU": "cmH2O",
            "VISIT": "DAY 14",
            "REDTC": "2023-03-23",
        }
    ],
    "RS": [
        {
            "USUBJID": "S-001",
            "RSTESTCD": "WHOCPS",
            "RSCAT": "WHO CLINICAL PROGRESSION SCALE 0-10",
            "RSORRES": "5",
            "VISIT": "BASELINE",
            "RSDTC": "2023-03-10",
        },
        {
            "USUBJID": "S-002",
            "RSTESTCD": "WHOCPS",
            "RSCAT": "WHO CLINICAL PROGRESSION SCALE 0-10",
            "RSORRES": "8",
            "VISIT": "DAY 14",
            "RSDTC": "2023-03-23",
        },
        {
            "USUBJID": "S-002",
            "RSTESTCD": "WHOCPS",
            "RSCAT": "WHO CLINICAL PROGRESSION SCALE 0-10",
            "RSORRES": "6",
            "VISIT": "BASELINE",
            "RSDTC": "2023-03-10",
        },
    ],
    "CP": [
        {
            "USUBJID": "S-001",
            "CPTESTCD": "CD4",
            "CPORRES": "410",
            "CPORRESU": "10^6/L",
            "CPSPEC": "BLOOD",
            "VISIT": "BASELINE",
            "CPDTC": "2023-03-10",
        }
    ],
    "EG": [
        {
            "USUBJID": "S-001",
            "EGTESTCD": "QTCFAG",
            "EGORRES": "431",
            "EGORRESU": "msec",
            "VISIT": "BASELINE",
            "EGDTC": "2023-03-10",
        }
    ],
    "QS": [
        {
            "USUBJID": "S-001",
            "QSTESTCD": "COUGH",
            "QSCAT": "SYMPTOM QUESTIONNAIRE",
            "QSORRES": "4",
            "VISIT": "DAY 7",
            "QSDTC": "2023-03-16",
        }
    ],
    "SUPP": [{"USUBJID": "S-001", "RDOMAIN": "AE", "QNAM": "AETRTEM", "QVAL": "Y"}],
}


def clean_rows() -> Rows:
    """A copy of the faultless extract, to be changed."""
    return deepcopy(_CLEAN)


def whole_rows() -> Rows:
    """A copy of a faultless extract with every domain that is known."""
    return deepcopy(_CLEAN | _MORE)


def changed(*changes: Change) -> Rows:
    """The faultless extract after some changes, made in their order."""
    rows = clean_rows()
    for domain, position, cells in changes:
        if domain not in rows:
            rows[domain] = deepcopy(_MORE[domain])
        if position is None:
            rows[domain].append(rows[domain][0] | (cells or {}))
        elif cells is None:
            del rows[domain][position]
        else:
            rows[domain][position].update(cells)
    return rows


def own(text: str, place: int) -> str:
    """A text that speaks of S-001 to S-003 as of those of the extract at a place, of 100 to 999."""
    return text.replace("S-00", f"S-{place}")


def side_by_side(extracts: Mapping[int, Rows]) -> Rows:
    """Several extracts in one, each at its place with participants of its own."""
    rows: Rows = {}
    for place, extract in extracts.items():
        for name, listed in extract.items():
            rows.setdefault(name, []).extend(
                row | {"USUBJID": own(row["USUBJID"] or "", place)} for row in listed
            )
    return rows


def frame_of(rows: Sequence[Row], file: str) -> pl.DataFrame:
    """Rows as a reader would give them: all columns text, then file and row."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns: dict[str, list[str | None]] = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String)).with_columns(
        pl.lit(file).alias("_file"), pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_row")
    )


def frames_of(rows: Rows) -> dict[str, pl.DataFrame]:
    """Datasets by name, as `sealing.split` takes them."""
    return {name: frame_of(listed, f"{name.lower()}.csv") for name, listed in rows.items()}


# By rows, definition and cut-off; the definition is kept, so that its id is its own.
_assessed: dict[tuple[str, int, date | None], tuple[Assessment, Trial]] = {}


def assess_rows(rows: Rows, trial: Trial = TRIAL, cutoff: date | None = CUTOFF) -> Assessment:
    """The assessment of an extract given as rows, made once: a test that it is so has frames."""
    key = (repr(rows), id(trial), cutoff)
    if key not in _assessed:
        _assessed[key] = assess_frames(frames_of(rows), trial, cutoff), trial
    return _assessed[key][0]


def assess_frames(
    frames: dict[str, pl.DataFrame], trial: Trial = TRIAL, cutoff: date | None = CUTOFF
) -> Assessment:
    """The assessment of an extract given as frames."""
    datasets = {name: Dataset(name, frame) for name, frame in frames.items()}
    return cast("Assessment", Asked(Extract("small", datasets, (), ()), trial, cutoff))


class Asked:
    """An assessment of which the checks run when somebody first asks what was found.

    They take most of its time, and most of its tests ask for relations only.
    """

    def __init__(self, extract: Extract, trial: Trial, cutoff: date | None) -> None:
        self._of_extract = extract, trial, cutoff
        with without_checks():
            self._shaped = assess(*self._of_extract)

    @cached_property
    def _checked(self) -> Assessment:
        return assess(*self._of_extract)

    def __getattr__(self, name: str) -> Any:
        """A finding from what was checked, everything else from what was not."""
        is_found = name in {"open_findings", "sealed_findings", "critical"}
        return getattr(self._checked if is_found else self._shaped, name)


@dataclass(frozen=True)
class Sides:
    """What the checks may look at on the open and on the complete side."""

    opened: Evidence
    complete: Evidence

    @cached_property
    def open_findings(self) -> pl.DataFrame:
        """Findings from open tables alone."""
        return find(self.opened)

    @cached_property
    def all_findings(self) -> pl.DataFrame:
        """Findings from everything."""
        return find(self.complete)

    def record_key(self, domain: str, position: int) -> str:
        """The key of the row that was given at a position."""
        frame = self.complete[domain]
        return str(frame.filter(pl.col("_row") == position + 1)["record_key"].item())


def sides_of(rows: Rows, trial: Trial = TRIAL, cutoff: date | None = CUTOFF) -> Sides:
    """Both sides of an extract given as rows."""
    opened, complete = _split(rows, trial)
    given = released(complete, trial, cutoff)
    return Sides(
        Evidence(opened, participants(opened, given), trial, cutoff),
        Evidence(complete, participants(complete, given), trial, cutoff),
    )


# By the facts of a domain, its rows and the definition; that is kept, so that its id is its own.
_parted: dict[tuple[Domain, str, int], tuple[tuple[Tables, Tables], Trial]] = {}


def _split(rows: Rows, trial: Trial) -> tuple[Tables, Tables]:
    """As `sealing.split`, each dataset once for all extracts that have it: none looks at another.

    A test holds that both are the same.
    """
    parts: list[tuple[Tables, Tables]] = []
    for name, domain in DOMAINS.items():
        if name in rows:
            key = (domain, repr(rows[name]), id(trial))
            if key not in _parted:
                _parted[key] = split(frames_of({name: rows[name]}), trial), trial
            parts.append(_parted[key][0])
    return together(parts, trial)


def together(parts: Sequence[tuple[Tables, Tables]], trial: Trial) -> tuple[Tables, Tables]:
    """Datasets that were split each by itself, in the order of the domains, as one extract."""
    opened, complete = (
        _together(nothing, [sides[place] for sides in parts])
        for place, nothing in enumerate(split({}, trial))
    )
    return opened, complete


def _together(nothing: Tables, parts: Sequence[Tables]) -> Tables:
    frames = dict(nothing.frames)
    absent: dict[str, tuple[str, ...]] = {}
    counts: dict[str, Mapping[str, int]] = {}
    for part in parts:
        frames |= {name: part.frames[name] for name in part.present}
        absent |= part.absent
        counts |= part.counts
    present = frozenset(name for part in parts for name in part.present)
    return Tables(frames, absent, present, nothing.is_open, counts)

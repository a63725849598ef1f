"""Every check function on a record that it must find and on the nearest one that it must not."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Literal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import data_validation.checks  # noqa: F401 – importing it registers the functions
from data_validation import findings
from data_validation.catalogue import catalogue
from data_validation.domains.measurements import MEASUREMENTS
from data_validation.findings import find
from data_validation.rules import CHECKS, CheckFunction, Evidence
from data_validation.schemas import BrokenCheckError
from data_validation.sealing import split
from tests.data_validation.small_extracts import (
    CUTOFF,
    TRIAL,
    Change,
    Row,
    Sides,
    changed,
    clean_rows,
    frames_of,
    own,
    side_by_side,
    sides_of,
    whole_rows,
)
from trials import Trial


@dataclass(frozen=True)
class Case:
    """Changes of the faultless extract.

    Attributes:
        fails: after these the check finds the record at position `found` of its domain alone, or,
            where that is None, says something of no single record.
        passes: after these, which come as close as can be, it finds nothing.
        query: the text to the site, filled.
        trial: where the trial's own definition has no such case.
        is_alone: whether it depends on what others have, so that none may stand beside it.
    """

    fails: tuple[Change, ...]
    passes: tuple[Change, ...]
    found: int | None
    query: str
    trial: Trial = TRIAL
    is_alone: bool = False


EXPECTS_CRP = TRIAL.model_copy(
    update={
        "schedule": tuple(
            visit.model_copy(update={"expected": ("crp",) if visit.visit == "BASELINE" else ()})
            for visit in TRIAL.schedule
        )
    }
)
EGFR: Row = {
    "LBTESTCD": "GFRE",
    "LBORRES": "59",
    "LBORRESU": "mL/min/1.73m2",
    "LBSPEC": "SERUM",
}


def with_measures(
    domain: str, more_units: dict[str, float] | None = None, specimens: tuple[str, ...] = ()
) -> Trial:
    """The trial with more units of the measures of a domain, or specimens that count."""
    return TRIAL.model_copy(
        update={
            "measures": tuple(
                item.model_copy(
                    update={"factors": item.factors | (more_units or {}), "specimens": specimens}
                )
                if item.domain == domain
                else item
                for item in TRIAL.measures
            )
        }
    )


ALT: Row = {"LBTESTCD": "ALT", "LBORRES": "30", "LBORRESU": "U/L", "LBSPEC": "SERUM"}

CASES: dict[str, tuple[Case, ...]] = {
    "DM-101": (
        Case(
            (("DM", 0, {"STUDYID": "NCT05689009"}),),
            (("DM", 0, {"STUDYID": " nct05689008 "}),),
            0,
            "STUDYID is “NCT05689009”. Please send the data of the study that was asked for.",
        ),
    ),
    "DM-102": (
        Case(
            (("RANDOMIZATION", 0, {"RANDDTC": "2023-03"}),),
            (("RANDOMIZATION", 0, {"RANDDTC": "2023-03-10T09:30"}),),
            0,
            "Please provide the date of randomization of S-001.",
        ),
    ),
    "DM-103": (
        Case(
            (("DM", 0, {"RFICDTC": "2023-03-11"}),),
            (("DM", 0, {"RFICDTC": "2023-03-10"}),),
            0,
            "Consent is dated 2023-03-11, randomization 2023-03-10. Please check both.",
        ),
    ),
    "DM-104": (
        Case(
            (("DM", 1, {"DTHFL": None}),),
            (("DM", 1, {"DTHDTC": "2023-03"}),),
            1,
            "Death flag is (empty), date of death is 2023-03-25. Please provide what is missing.",
        ),
        Case(
            (("DM", 1, {"DTHDTC": None}),),
            (("DM", 1, {"DTHDTC": None, "DTHFL": None}),),
            1,
            "Death flag is Y, date of death is (empty). Please provide what is missing.",
        ),
    ),
    "DM-105": (
        Case(
            (("DS", 2, None),),
            (("DS", 2, {"DSDECOD": "Death"}),),
            1,
            "S-002 died on 2023-03-25 by demographics; disposition records no death. Please check.",
        ),
        Case(
            (("DS", 2, None), ("DM", 1, {"DTHDTC": "2023-03", "DTHFL": None})),
            (("DS", 2, None), ("DM", 1, {"DTHDTC": None, "DTHFL": None})),
            1,
            "S-002 died on 2023-03 by demographics; disposition records no death. Please check.",
        ),
    ),
    "DM-106": (
        Case(
            (("DM", 1, {"DTHDTC": "2023-03-09"}),),
            (("DM", 1, {"DTHDTC": "2023-03-10"}),),
            1,
            "Date of death is 2023-03-09, randomization or screening 2023-03-10. "
            "Please check both.",
        ),
        Case(
            (("DM", 2, {"DTHDTC": "2023-02", "DTHFL": "Y"}),),
            (("DM", 2, {"DTHDTC": "2023-03", "DTHFL": "Y"}),),
            2,
            "Date of death is 2023-02, randomization or screening 2023-03-08. Please check both.",
        ),
    ),
    "DM-107": (
        Case(
            (("DM", 0, {"ARMCD": "UCMSC2"}),),
            (("DM", 0, {"ARMCD": "uc-msc"}), ("DM", 2, {"ARMCD": "SCRNFAIL"})),
            0,
            "Please check the planned arm of S-001.",
        ),
    ),
    "DM-108": (
        Case(
            (("DM", 0, {"ARMCD": "CONTROL"}),),
            (("DM", 0, {"ARMCD": "uc-msc"}),),
            0,
            "Please check the planned arm of S-001 against the allocation list.",
        ),
    ),
    "DM-111": (
        Case(
            (("DM", 0, {"AGE": "86"}),),
            (("DM", 0, {"AGE": "85"}), ("DM", 2, {"AGE": "86"})),
            0,
            "S-001 is randomized at age 86. Please check the age, or report a deviation.",
        ),
        Case(
            (("DM", 1, {"AGE": "17"}),),
            (("DM", 1, {"AGE": "18"}),),
            1,
            "S-002 is randomized at age 17. Please check the age, or report a deviation.",
        ),
    ),
    "DM-112": (
        # 85 kg / (1.65 m)² = 31.2 kg/m²; 81 kg are 29.8.
        Case(
            (("VS", 1, {"VSORRES": "85"}),),
            (("VS", 1, {"VSORRES": "81"}),),
            0,
            "S-001 is randomized with a BMI of 31.2 kg/m². Please check height and weight.",
        ),
        # Weighed again on the day of randomization: the later visit is the baseline.
        Case(
            (
                ("VS", 1, {"VSORRES": "85"}),
                ("VS", None, {"VSTESTCD": "WEIGHT", "VSORRES": "65", "VSORRESU": "kg"}),
                ("VS", 3, {"VISIT": "SCREENING"}),
            ),
            (
                ("VS", 1, {"VSORRES": "85", "VISIT": "SCREENING"}),
                ("VS", None, {"VSTESTCD": "WEIGHT", "VSORRES": "65", "VSORRESU": "kg"}),
            ),
            0,
            "S-001 is randomized with a BMI of 31.2 kg/m². Please check height and weight.",
        ),
    ),
    "DM-113": (
        # 80 mmHg / 0.25 = 320 mmHg; of 0.27 it is 296.
        Case(
            (("LB", 1, {"LBORRES": "25"}),),
            (("LB", 1, {"LBORRES": "27"}),),
            0,
            "S-001 is randomized with PaO2/FiO2 of 320 mmHg. Please check the gas.",
        ),
        # A sample of each of two visits on the day of randomization: the later visit counts.
        Case(
            (
                ("LB", 1, {"LBORRES": "25"}),
                ("LB", None, {"LBORRES": "80", "VISIT": "SCREENING"}),
                ("LB", None, {"LBTESTCD": "FIO2", "LBORRES": "0.5", "LBORRESU": "fraction"}),
                ("LB", 5, {"VISIT": "SCREENING"}),
            ),
            (
                ("LB", None, {"LBORRES": "80", "VISIT": "SCREENING"}),
                ("LB", None, {"LBTESTCD": "FIO2", "LBORRES": "0.25", "LBORRESU": "fraction"}),
                ("LB", 5, {"VISIT": "SCREENING"}),
            ),
            0,
            "S-001 is randomized with PaO2/FiO2 of 320 mmHg. Please check the gas.",
        ),
    ),
    "DM-114": (
        Case(
            (("DS", 3, None), ("DM", 2, {"RFICDTC": "2023-02-28", "DMDTC": "2023-03-20"})),
            (("DS", 3, None), ("DM", 2, {"RFICDTC": "2023-03-01", "DMDTC": "2023-03-20"})),
            2,
            "S-003 was screened, and disposition records neither a randomization nor a screen "
            "failure. Which is correct?",
        ),
    ),
    "DS-101": (
        Case(
            (("DS", 0, {"DSSTDTC": "2023-03-11"}),),
            (("DS", 0, {"DSSTDTC": "2023-03-10T23:59"}),),
            0,
            "Randomization is dated 2023-03-11 here and 2023-03-10 in the list. Which one?",
        ),
    ),
    "DS-102": (
        Case(
            (("DS", 3, {"USUBJID": "S-001"}),),
            (("DS", 3, {"DSDECOD": "Screening failure"}),),
            3,
            "S-001 is recorded as a screen failure and as randomized. Please check.",
        ),
    ),
    "DS-103": (
        Case(
            (("DS", 2, {"DSSTDTC": "2023-03-26"}),),
            (("DS", 2, {"DSSTDTC": "2023-03"}),),
            2,
            "Disposition has a death on 2023-03-26; "
            "please check the date of death in demographics.",
        ),
        Case(
            (("DM", 1, {"DTHDTC": None, "DTHFL": None}),),
            (("DM", 1, {"DTHDTC": None}),),
            2,
            "Disposition has a death on 2023-03-25; "
            "please check the date of death in demographics.",
        ),
    ),
    "IE-101": (
        Case(
            (("IE", None, {"USUBJID": "S-001"}),),
            (("IE", None, {"USUBJID": "S-003", "IETESTCD": "EXCL01"}),),
            1,
            "S-001 is randomized although INCL03 was recorded as not met. Please comment.",
        ),
    ),
    "SV-101": (
        Case(
            (("SV", 1, {"SVSTDTC": "2023-03-11"}),),
            (("SV", 1, {"SVSTDTC": "2023-03-10T22:15"}),),
            1,
            "Visit BASELINE took place on 2023-03-11, outside its window. Please confirm the date.",
        ),
        # DAY 10, one day early or late: 2023-03-18 to 2023-03-20.
        Case(
            (("SV", None, {"VISIT": "Day 10", "SVSTDTC": "2023-03-21"}),),
            (("SV", None, {"VISIT": "Day 10", "SVSTDTC": "2023-03-20"}),),
            3,
            "Visit Day 10 took place on 2023-03-21, outside its window. Please confirm the date.",
        ),
        # Screening, 13 days before day -1 to one day after it, which is day 1.
        Case(
            (("SV", 0, {"SVSTDTC": "2023-02-23"}),),
            (("SV", 0, {"SVSTDTC": "2023-02-24"}),),
            0,
            "Visit SCREENING took place on 2023-02-23, outside its window. "
            "Please confirm the date.",
        ),
        Case(
            (("SV", 0, {"SVSTDTC": "2023-03-11"}),),
            (("SV", 0, {"SVSTDTC": "2023-03-10"}),),
            0,
            "Visit SCREENING took place on 2023-03-11, outside its window. "
            "Please confirm the date.",
        ),
    ),
    "EX-101": (
        Case(
            (("EX", None, {"USUBJID": "S-002"}),),
            (("EX", None, {"USUBJID": "S-002", "EXDOSE": "0"}),),
            2,
            "Please confirm the administration on 2023-03-10.",
        ),
    ),
    "EX-102": (
        # Planned on days 1 and 4, a day early or late: 2023-03-12 to 2023-03-14 for the second.
        Case(
            (("EX", 1, {"EXSTDTC": "2023-03-15"}),),
            (("EX", 1, {"EXSTDTC": "2023-03-14"}),),
            1,
            "The instillation on 2023-03-15 is outside every planned window. Please comment.",
        ),
    ),
    "EX-103": (
        Case(
            (("EX", 1, {"EXSTDTC": "2023-03-11"}),),
            (("EX", 1, {"EXSTDTC": "2023-03-12"}),),
            1,
            "Please check the instillation on 2023-03-11 against the previous one.",
        ),
        Case(
            (("EX", None, {"EXSTDTC": "2023-03-20"}),),
            (("EX", 1, {"EXSTDTC": "2023-03-20"}),),
            2,
            "Please check the instillation on 2023-03-20 against the previous one.",
        ),
    ),
    "AE-102": (
        Case(
            (("AE", 0, {"AESER": "Y"}),),
            (("AE", 0, {"AESER": "Y", "AESHOSP": "y"}),),
            0,
            "The event is serious. Please state the criterion.",
        ),
    ),
    "AE-103": (
        Case(
            (("AE", 0, {"AESHOSP": "Y"}),),
            (("AE", 0, {"AESHOSP": "Y", "AESER": "y"}),),
            0,
            "A seriousness criterion is given, but AESER is N. Please correct one of them.",
        ),
    ),
    "AE-104": (
        Case(
            (("AE", 0, {"AEOUT": "FATAL"}),),
            (("DM", 1, {"DTHDTC": None}),),
            0,
            "The outcome is FATAL; demographics records no death of S-001. Please check.",
        ),
    ),
    "AE-105": (
        Case(
            (("AE", 1, {"AESER": None}),),
            (("AE", 1, {"AESER": "Y", "AESDTH": None}),),
            1,
            "The outcome is FATAL, but AESER is (empty). Please correct AESER or the outcome.",
        ),
    ),
    "LB-101": (
        Case(
            (("LB", 0, {"LBORRESU": "torr"}),),
            (("LB", 0, {"LBORRESU": " MMHG "}),),
            0,
            "The unit of PO2 is torr in 1 of its results. Which is it?",
        ),
        Case(
            (("LB", 1, {"LBORRESU": None}),),
            (("LB", 1, {"LBORRES": None, "LBORRESU": None}),),
            1,
            "The unit of FIO2 is (empty) in 1 of its results. Which is it?",
        ),
    ),
    "LB-102": (
        Case(
            (("LB", 3, {"LBORRES": "7000"}),),
            (("LB", 3, {"LBORRES": "700"}),),
            3,
            "The result of PO2 is 7000 mmHg. Please check value and unit.",
        ),
    ),
    "LB-112": (
        Case(
            (("LB", 3, {"LBORRES": "94", "LBORRESU": "kPa"}),),
            (("LB", 3, {"LBORRES": "93.3", "LBORRESU": "kPa"}),),
            3,
            "The result of PO2 is 94 kPa, which is not plausible. In mmHg it would be. Which "
            "unit is correct?",
        ),
        Case(
            (("LB", 1, {"LBORRES": "0.5"}),),
            (("LB", 1, {"LBORRES": "0.5", "LBORRESU": "fraction"}),),
            1,
            "The result of FIO2 is 0.5 %, which is not plausible. In fraction it would be. Which "
            "unit is correct?",
        ),
        Case(
            (("LB", 1, {"LBORRESU": "fraction"}),),
            (("LB", 1, {"LBORRES": "1.0", "LBORRESU": "fraction"}),),
            1,
            "The result of FIO2 is 50 fraction, which is not plausible. In % it would be. Which "
            "unit is correct?",
        ),
    ),
    "LB-107": (
        Case(
            (("LB", 2, {"LBORRES": "POSITIVE"}),),
            (("LB", 2, {"LBORRES": "ND"}), ("LB", None, {"LBTESTCD": "HLA", "LBORRES": "B27"})),
            2,
            "The result of CRP is “POSITIVE”. Expected a number, or < or > and a number. Please "
            "correct it.",
        ),
    ),
    "LB-108": (
        Case(
            (("LB", 3, {"LBORRESU": "kPa", "LBORRES": "9"}),),
            (("LB", 3, {"LBORRESU": "MMHG"}),),
            None,
            "PO2, ARTERIAL BLOOD is given in several units: kPa (1), mmHg (1). Please confirm the "
            "unit of each result, or send all in one.",
        ),
    ),
    "LB-109": (
        Case(
            (
                ("LB", 2, None),
                ("LB", 0, {"LBDTC": "2023-03-10T08:00"}),
                ("LB", 2, {"USUBJID": "S-001", "LBDTC": "2023-03-10T08:00"}),
                ("LB", 2, {"LBSPEC": "ARTERIAL BLOOD", "LBTESTCD": "PO2"}),
                ("LB", 0, {"LBTESTCD": "FIO2"}),
                ("LB", 2, {"LBTESTCD": "FIO2", "LBSPEC": "BLOOD"}),
                ("LB", 1, {"LBDTC": "2023-03-10T08:00"}),
            ),
            (
                ("LB", 0, {"LBDTC": "2023-03-10T08:00"}),
                ("LB", None, {"LBDTC": "2023-03-10T08:01"}),
            ),
            -1,
            "FIO2 is there more than once at visit BASELINE, 2023-03-10T08:00. Please say which "
            "result is right.",
        ),
    ),
    "LB-103": (
        Case(
            (("LB", 0, {"LBSPEC": "VENOUS BLOOD"}),),
            (("LB", 0, {"LBSPEC": "Blood, arterial"}),),
            0,
            "The specimen of PO2 is VENOUS BLOOD. Was it ARTERIAL BLOOD?",
        ),
        Case(
            (("LB", 1, {"LBSPEC": None}),),
            (("LB", 2, {"LBSPEC": None}),),
            1,
            "The specimen of FIO2 is (empty). Was it ARTERIAL BLOOD?",
        ),
    ),
    "LB-115": (
        Case(
            (("LB", None, {"LBORRES": "90"}),),
            (("LB", None, {"LBORRES": "90", "VISIT": "DAY 2"}),),
            None,
            "2 of 2 PaO2 results without the FiO2 of the same sample, 0 days with several samples "
            "and no clock time. Please send LBDTC with the clock time, and LBREFID, with each of "
            "both.",
        ),
    ),
    "LB-116": (
        Case(
            (("LB", None, ALT | {"LBORNRHI": "0"}),),
            (("LB", None, ALT | {"LBORNRHI": "50"}),),
            None,
            "ALT: 1 of 1 results have no upper limit of normal (LBORNRHI). Please send it with "
            "each result.",
        ),
    ),
    "LB-104": (
        # 360 mmHg / 0.5 = 720 mmHg; 350 mmHg / 0.5 = 700 mmHg, the limit.
        Case(
            (("LB", 0, {"LBORRES": "360"}),),
            (("LB", 0, {"LBORRES": "350"}),),
            0,
            "PaO2 is 360 mmHg; with FiO2 of the same sample the ratio is impossible. "
            "Please check value and unit of both.",
        ),
        # An unusable second FiO2 leaves no doubt which belongs to the PaO2; a usable one does.
        Case(
            (
                ("LB", 0, {"LBORRES": "360"}),
                ("LB", None, {"LBTESTCD": "FIO2", "LBORRES": "50", "LBORRESU": "Torr"}),
            ),
            (
                ("LB", 0, {"LBORRES": "360"}),
                ("LB", None, {"LBTESTCD": "FIO2", "LBORRES": "40", "LBORRESU": "%"}),
            ),
            0,
            "PaO2 is 360 mmHg; with FiO2 of the same sample the ratio is impossible. "
            "Please check value and unit of both.",
        ),
    ),
    "VS-101": (
        Case(
            (("VS", 1, {"VSORRESU": "stone"}),),
            (("VS", 1, {"VSORRESU": "lb", "VSORRES": "143"}),),
            1,
            "The unit of WEIGHT is stone in 1 of its results. Which is it?",
        ),
    ),
    "VS-102": (
        Case(
            (("VS", 0, {"VSORRES": "1650"}),),
            (("VS", 0, {"VSORRES": "230"}),),
            0,
            "The result of HEIGHT is 1650 cm. Please check value and unit.",
        ),
    ),
    "VS-112": (
        Case(
            (("VS", 0, {"VSORRES": "1.65"}),),
            (("VS", 0, {"VSORRES": "1.65", "VSORRESU": "m"}),),
            0,
            "The result of HEIGHT is 1.65 cm, which is not plausible. In m it would be. Which "
            "unit is correct?",
        ),
        Case(
            (("VS", 2, {"VSORRES": "101.1"}),),
            (("VS", 2, {"VSORRES": "101.1", "VSORRESU": "F"}),),
            2,
            "The result of TEMP is 101.1 C, which is not plausible. In F it would be. Which unit "
            "is correct?",
        ),
    ),
    "DM-109": (
        Case(
            (("DS", 0, None),),
            (("DS", 0, None), ("DS", 0, None)),
            0,
            "S-001 is randomized on 2023-03-10; disposition does not say so. Please check.",
            is_alone=True,
        ),
    ),
    "DM-110": (
        Case(
            (("DM", 0, {"RFICDTC": None}),),
            (("DM", 2, {"RFICDTC": None}),),
            0,
            "S-001 is randomized and the date of informed consent is empty. Please provide it.",
        ),
    ),
    "DM-116": (
        Case(
            (("DM", 2, {"DMDTC": "2023-03-07"}),),
            (("DM", 2, {"DMDTC": "2023-03-09"}),),
            2,
            "Demographics were collected on 2023-03-07, consent is dated 2023-03-08. "
            "Please check both.",
        ),
    ),
    "DM-117": (
        Case(
            (("DM", 0, {"DMDTC": "2023-03-11"}),),
            (("DM", 0, {"DMDTC": "2023-03-10"}),),
            0,
            "Screening is dated 2023-03-11, randomization 2023-03-10. Please check both.",
        ),
    ),
    "DM-121": (
        Case(
            (("EX", 1, None),),
            (("EX", 1, None), ("DM", 0, {"DTHDTC": "2023-03-14", "DTHFL": "Y"})),
            0,
            "1 of 2 instillations of S-001 are recorded. Please record the others, or why "
            "they were missed.",
        ),
        Case(
            (("EX", 1, {"EXDOSE": "0"}),),
            (("EX", 1, {"EXDOSE": "0", "EXADJ": "unwell"}),),
            0,
            "1 of 2 instillations of S-001 are recorded. Please record the others, or why "
            "they were missed.",
        ),
    ),
    "DM-122": (
        Case(
            (("AE", 1, {"AEOUT": "UNKNOWN", "AESDTH": "N"}),),
            (("AE", 1, {"AEOUT": "UNKNOWN"}),),
            1,
            "S-002 died on 2023-03-25 by demographics; no adverse event is fatal. Which event "
            "was it?",
        ),
    ),
    "DM-123": (
        Case(
            (("DD", 0, {"DDTESTCD": "SECDTH"}),),
            (("DD", 0, {"DDTESTCD": "prcdth"}),),
            1,
            "S-002 died on 2023-03-25 by demographics; please provide the cause of death.",
        ),
    ),
    "DM-131": (
        Case(
            (("SV", 1, None),),
            (("SV", 1, None), ("DM", 0, {"DTHDTC": "2023-03-10", "DTHFL": "Y"})),
            0,
            "These visits of S-001 are due and not recorded: BASELINE. Did they take place?",
        ),
        # In hospital a visit of each day is due; day 2 is, if the stay goes on after it.
        Case(
            (("HO", 0, {"HOENDTC": "2023-03-12"}),),
            (("HO", 0, {"HOENDTC": "2023-03-11"}),),
            0,
            "These visits of S-001 are due and not recorded: DAY 2. Did they take place?",
        ),
        Case(
            (("SV", 1, None), ("DS", None, {"DSDECOD": "COMPLETED", "DSSTDTC": "2023-03-11"})),
            (("SV", 1, None), ("DS", None, {"DSDECOD": "COMPLETED", "DSSTDTC": "2023-03-10"})),
            0,
            "These visits of S-001 are due and not recorded: BASELINE. Did they take place?",
        ),
    ),
    "SV-105": (
        Case(
            (("SV", 2, None), ("LB", 2, None)),
            (("SV", 2, None), ("LB", 2, {"LBORRES": None, "LBSTAT": "NOT DONE"})),
            1,
            "Visit BASELINE of S-001 took place on 2023-03-10; no result is recorded of: "
            "C-reactive protein. Were they done?",
            EXPECTS_CRP,
        ),
    ),
    "DS-105": (
        Case(
            (
                ("DS", None, {"DSDECOD": "Death", "DSSTDTC": "2023-03-25", "USUBJID": "S-001"}),
                ("DS", 2, {"USUBJID": "S-001", "DSDECOD": "COMPLETED"}),
                ("DS", None, {"DSDECOD": "DEATH", "DSSTDTC": "2023-03-26", "USUBJID": "S-001"}),
            ),
            (("DS", None, {"DSDECOD": "DEATH", "DSSTDTC": "2023-03-25"}),),
            -1,
            "S-001 has more than one disposition DEATH, this one on {DSSTDTC}. Which is right?",
        ),
    ),
    "DS-106": (
        Case(
            (("DS", None, {"DSDECOD": "ADVERSE EVENT", "DSSTDTC": "2023-03-11"}),),
            (("DS", None, {"DSDECOD": "ADVERSE EVENT", "DSSTDTC": "2023-03-12"}),),
            4,
            "S-001 left for an adverse event on 2023-03-11; no event is recorded. Which was it?",
        ),
    ),
    "DS-107": (
        Case(
            (("DS", None, {"USUBJID": "S-003"}),),
            (("DS", None, {"USUBJID": "S-003", "DSDECOD": "COMPLETED"}),),
            4,
            "S-003 is recorded as randomized on 2023-03-10 and is not on the list. Please check.",
        ),
    ),
    "DS-108": (
        Case(
            (("IE", 0, {"USUBJID": "S-009"}),),
            (("IE", 0, {"IETESTCD": "EXCL01"}),),
            3,
            "S-003 is a screen failure. Which criterion was not met?",
        ),
    ),
    "DS-109": (
        Case(
            (("DS", None, {"DSDECOD": "OTHER", "DSSCAT": "REMDESIVIR"}),),
            (("DS", None, {"DSDECOD": "OTHER", "DSSCAT": "STUDY DRUG"}),),
            4,
            "Dispositions of the subcategory REMDESIVIR: do they end taking part in the study?",
        ),
    ),
    "DS-111": (
        Case(
            (("DS", 2, {"DSSTDTC": "2023-03-09"}),),
            (("DS", 2, {"DSSTDTC": "2023-03-10"}),),
            2,
            "Participation ends on 2023-03-09, randomization or screening is dated 2023-03-10. "
            "Please check both.",
        ),
    ),
    "DS-110": (
        Case(
            (("DS", 3, {"DSDECOD": "SCREENING FAILURE"}),),
            (("DS", 3, {"DSDECOD": "Screen failure"}),),
            3,
            "SCREENING FAILURE was read as SCREEN FAILURE. Please write it so.",
        ),
    ),
    "IE-102": (
        Case(
            (("IE", 0, {"IEORRES": "Y"}),),
            (("IE", 0, {"IEORRES": "Y", "IECAT": "EXCLUSION"}),),
            0,
            "INCL03 (INCLUSION) has the result Y, which is no exception. Please correct.",
        ),
    ),
    "SV-104": (
        Case(
            (("SV", 0, {"SVSTDTC": "2023-03-07"}),),
            (("SV", 0, {"SVSTDTC": "2023-03-08"}),),
            0,
            "Visit SCREENING took place on 2023-03-07, consent is dated 2023-03-08. "
            "Please check both.",
        ),
    ),
    "HO-101": (
        Case(
            (("HO", None, {"HOSTDTC": "2023-03-10", "HOENDTC": "2023-03-20"}),),
            (("HO", None, {"HOSTDTC": "2023-03-11", "HOENDTC": "2023-03-20"}),),
            2,
            "The stay from 2023-03-10 begins before an earlier one has ended. "
            "Please check the dates.",
        ),
    ),
    "AE-108": (
        Case(
            (("AE", 0, {"AESTDTC": "2009-07-01"}),),
            (("AE", 0, {"AESTDTC": "2023-03-08"}),),
            0,
            "The event starts on 2009-07-01, before the screening on 2023-03-08. Is it medical "
            "history, or is the date wrong?",
        ),
    ),
    "AE-109": (
        Case(
            (("AE", 1, {"AEENDTC": "2023-03-24"}),),
            (("AE", 1, {"AEENDTC": "2023-03"}),),
            1,
            "The fatal event ends on 2023-03-24; demographics has the death on 2023-03-25. Please "
            "check both dates.",
        ),
    ),
    "AE-110": (
        Case(
            (("AE", 0, {"AESDTH": "Y"}),),
            (("AE", 1, {"AESDTH": None}),),
            0,
            "The event resulted in death, and its outcome is RECOVERED/RESOLVED. "
            "Please correct one of them.",
        ),
    ),
    "AE-111": (
        Case(
            (("AE", 0, {"AEACN": "DRUG WITHDRAWN"}),),
            (
                ("AE", 0, {"AEACN": "DRUG WITHDRAWN"}),
                ("DS", None, {"DSDECOD": "ADVERSE EVENT", "DSSTDTC": "2023-03-14"}),
            ),
            0,
            "The event led to the withdrawal of the treatment. Please record the disposition.",
        ),
    ),
    "AE-112": (
        Case(
            (("AE", 0, {"AEENDTC": None}),),
            (("AE", 0, {"AEENDTC": "2023-03"}),),
            0,
            "The outcome is RECOVERED/RESOLVED and the end date (empty). Please correct one of "
            "them.",
        ),
        Case(
            (("AE", 0, {"AEOUT": "NOT RECOVERED/NOT RESOLVED"}),),
            (("AE", 0, {"AEOUT": "RECOVERING/RESOLVING", "AEENDTC": None}),),
            0,
            "The outcome is NOT RECOVERED/NOT RESOLVED and the end date 2023-03-14. "
            "Please correct one of them.",
        ),
    ),
    "DD-101": (
        Case(
            (("DD", None, {"USUBJID": "S-001"}),),
            (("DD", 0, {"DDDTC": None}),),
            1,
            "Details of the death of S-001 are recorded; demographics records no death. Which is "
            "correct?",
        ),
    ),
    "DD-102": (
        Case(
            (("DD", 0, {"DDDTC": "2023-03-24"}),),
            (("DD", 0, {"DDDTC": "2023-03-27"}),),
            0,
            "Details of the death are dated 2023-03-24; the death 2023-03-25. Please check both.",
        ),
    ),
    "DD-103": (
        Case(
            (("DD", None, {"DDDTC": "2023-03-26"}), ("DD", None, {"DDTESTCD": "SECDTH"})),
            (("DD", None, {"DDTESTCD": "SECDTH"}),),
            -1,
            "S-002 has more than one primary cause of death, this one of {DDDTC}. Which counts?",
        ),
    ),
    "SS-101": (
        Case(
            (("SS", 0, {"SSSTRESC": "DEAD"}),),
            (("SS", 0, {"SSSTRESC": "UNKNOWN"}),),
            0,
            "At the contact on 2023-03-28 S-001 was dead; demographics records no death. Please "
            "check.",
        ),
    ),
    "SS-102": (
        Case(
            (("SS", 1, {"SSSTRESC": "ALIVE"}),),
            (("SS", 1, {"SSSTRESC": "ALIVE", "SSDTC": "2023-03-25"}),),
            1,
            "At the contact on 2023-03-28 S-002 was ALIVE; the death is dated 2023-03-25. "
            "Please check both dates.",
        ),
        Case(
            (("SS", 1, {"SSDTC": "2023-03-24"}),),
            (("SS", 1, {"SSDTC": "2023-03-25"}),),
            1,
            "At the contact on 2023-03-24 S-002 was DEAD; the death is dated 2023-03-25. "
            "Please check both dates.",
        ),
    ),
    "EX-104": (
        Case(
            (("EX", 0, {"EXSTDTC": "2023-03-09"}),),
            (("EX", 0, {"EXSTDTC": "2023-03-10T00:10"}),),
            0,
            "The instillation is dated 2023-03-09, randomization 2023-03-10. Please check.",
        ),
    ),
    "EX-105": (
        Case(
            (("EX", 0, {"EXDOSE": "89", "EXDOSU": "10^6 cells"}),),
            (("EX", 0, {"EXDOSE": "90"}), ("EX", 1, {"EXDOSE": "50", "EXADJ": "spilled"})),
            0,
            "The dose on 2023-03-10 is 89 10^6 cells; planned is 100 10^6 cells. Please confirm, "
            "and say why.",
        ),
    ),
    "EX-106": (
        Case(
            (("EX", 0, {"EXDOSE": "1000", "EXDOSU": "10^6 cells"}),),
            (("EX", 0, {"EXDOSE": "110"}),),
            0,
            "The dose on 2023-03-10 is 1000 10^6 cells. Please check the number of cells.",
        ),
        Case(
            (("EX", 1, {"EXDOSE": None, "EXDOSU": "10^6 cells"}),),
            (("EX", 1, {"EXDOSE": "0"}),),
            1,
            "The dose on 2023-03-13 is (empty) 10^6 cells. Please check the number of cells.",
        ),
    ),
    "EX-107": (
        Case(
            (("EX", 0, {"EXLOT": "L-1"}),),
            (("EX", 0, {"EXLOT": "L-1"}), ("EX", 1, {"EXDOSE": "0"})),
            1,
            "Please provide the lot that was given on 2023-03-13.",
        ),
    ),
    "EX-108": (
        Case(
            (("EX", 1, {"EXDOSE": "50", "EXDOSU": "10^6 cells", "EXADJ": "spilled"}),),
            (("EX", 1, {"EXDOSE": "50", "EXADJ": None}),),
            1,
            "None: the dose is 50 10^6 cells, because of: spilled.",
        ),
    ),
    "DA-101": (
        Case(
            (("DA", 0, {"DATESTCD": "VIABLTY", "DAORRES": "69", "DAORRESU": "%"}),),
            (("DA", 0, {"DATESTCD": "VIABLTY", "DAORRES": "70", "DAORRESU": "%"}),),
            0,
            "The viability of lot L-1 is 69 %. Please confirm.",
        ),
    ),
    "EC-101": (
        Case(
            (("EC", 0, {"ECSTDTC": "2023-03-11"}),),
            (("EC", 0, {"ECSTDTC": "2023-03-11", "ECMOOD": "SCHEDULED"}),),
            0,
            "ECOCCUR is Y on 2023-03-11; the exposure of that day contradicts it. Please check.",
        ),
        Case(
            (("EC", 1, {"ECOCCUR": "N", "ECREASOC": "x"}),),
            (("EC", 1, {"ECOCCUR": "N"}), ("EX", 1, {"EXDOSE": "0"})),
            1,
            "ECOCCUR is N on 2023-03-13; the exposure of that day contradicts it. Please check.",
        ),
    ),
    "EC-102": (
        Case(
            (("EC", 0, {"ECREASOC": "unwell"}), ("EC", 1, {"ECOCCUR": "N", "VISIT": "DAY 4"})),
            (("EC", 1, {"ECOCCUR": "N", "ECREASOC": "unwell"}),),
            1,
            "A dose was not given (visit DAY 4). Please say why.",
        ),
    ),
    "MH-101": (
        Case(
            (("MH", 0, {"MHDECOD": "Breast cancer"}),),
            (
                ("MH", 0, {"MHDECOD": "Breast cancer", "MHSTDTC": "2023-03-11"}),
                ("MH", None, {"MHDECOD": "Breast cancer", "USUBJID": "S-003"}),
                ("MH", None, {"MHDECOD": "Breast cancer", "MHOCCUR": "N"}),
                ("MH", 1, {"MHSTDTC": "2015"}),
            ),
            0,
            "S-001 is randomized with Breast cancer in the history (EXCL06). Please comment, or "
            "report a deviation.",
        ),
    ),
    "MH-102": (
        Case(
            (("MH", 0, {"MHDECOD": "Chronic kidney disease"}),),
            (("MH", 0, {"MHDECOD": "Acute kidney injury"}),),
            0,
            "S-001 has Chronic kidney disease in the history (EXCL06). Which stage was it, and "
            "when?",
        ),
    ),
    "CM-101": (
        Case(
            (("CM", 0, {"CMDECOD": "TACROLIMUS"}),),
            # Standard care is never meant, and what began after randomization is no exclusion.
            (("CM", 0, {"CMDECOD": "TOCILIZUMAB"}), ("CM", 1, {"CMDECOD": "TACROLIMUS"})),
            0,
            "S-001 took TACROLIMUS from 2023-03-08 on (EXCL01). Please comment, or report a "
            "deviation.",
        ),
    ),
    "LB-121": (
        Case(
            (("LB", None, EGFR),),
            (("LB", None, {**EGFR, "LBORRES": "60"}),),
            4,
            "GFRE of S-001 was 59 mL/min/1.73m2 before randomization. Was it known before?",
        ),
    ),
    "LB-122": (
        Case(
            (
                ("LB", None, EGFR),
                ("LB", None, {**EGFR, "LBDTC": "2022-12-10", "VISIT": "SCREENING"}),
            ),
            (
                ("LB", None, EGFR),
                ("LB", None, {**EGFR, "LBDTC": "2022-12-11", "VISIT": "SCREENING"}),
            ),
            4,
            "GFRE of S-001 was 59 mL/min/1.73m2 on 2023-03-10, and low 90 days before. "
            "Please comment, or report a deviation.",
        ),
    ),
    "RS-121": (
        Case(
            (("RS", 1, {"RSORRES": "6"}),),
            (("RS", 1, {"RSORRES": "7"}), ("RS", None, {"RSORRES": "6", "RSDTC": "2023-03-20"})),
            1,
            "The WHO scale is 6 on 2023-03-23, a day of invasive ventilation by the procedures. "
            "Please check both.",
        ),
    ),
    "RS-122": (
        Case(
            (("RS", 0, {"RSORRES": "7"}),),
            (("RS", 0, {"RSORRES": "6"}), ("RS", 1, {"RSDTC": "2023-03-20"})),
            0,
            "The WHO scale is 7 on 2023-03-10; the procedures have no invasive ventilation on "
            "that day. Please check both.",
        ),
    ),
    "RS-123": (
        Case(
            (("RS", 0, {"RSORRES": "10"}),),
            (("RS", 1, {"RSORRES": "10", "RSDTC": "2023-03-25"}),),
            0,
            "The WHO scale is 10 on 2023-03-10; demographics has the death of S-001 as (empty). "
            "Please check both.",
        ),
    ),
    "RS-124": (
        Case(
            (("RS", 0, {"RSCAT": "WHO ORDINAL SCALE 0-8"}),),
            (("RS", 0, {"RSCAT": "Who clinical progression scale (0-10)"}),),
            0,
            "WHOCPS is 5 on the scale “WHO ORDINAL SCALE 0-8”. Which version of the scale was "
            "used?",
        ),
    ),
    "CP-103": (
        Case(
            (("CP", 0, {"CPSPEC": "BLOOD"}),),
            (("CP", 0, {"CPSPEC": "WHOLE BLOOD"}),),
            0,
            "The specimen of CD4 is BLOOD. Was it WHOLE BLOOD?",
            with_measures("CP", specimens=("WHOLE BLOOD",)),
        ),
    ),
}

# Domain, a plausible result, one beyond every unit, and one that only another unit explains.
for name in ("LB", "VS", "RE", "RS", "CP", "EG", "QS"):
    rows = len(whole_rows()[name])
    CASES[f"{name}-113"] = (
        Case(
            tuple((name, place, {"VISIT": None}) for place in range(rows)),
            ((name, 0, {"VISIT": "Baseline"}),),
            None,
            f"Results in {name}: {rows} without a visit, 0 placed by date, {rows} not shown. "
            "Please send VISIT, as the schedule names it, with each result.",
        ),
    )
    CASES[f"{name}-114"] = (
        Case(
            tuple((name, place, {"VISIT": "WEEK 1"}) for place in range(rows)),
            ((name, None, {"VISIT": "WEEK 1"}),),
            None,
            f"Results in {name}: {rows} at visits that are not of the schedule, none shown. Please "
            "name visits as the schedule does, or the schedule as the extract does.",
        ),
    )
ALIKE = {
    "RE": ("8", "4000", "80"),
    "RS": ("5", "9000", "90"),
    "CP": ("410", "99000000", "80000"),
    "EG": ("431", "99000", "4310"),
    "QS": ("4", "9000", "90"),
}
for name, (_good, beyond, other) in ALIKE.items():
    tenths = with_measures(name, more_units={"tenths": 0.1})
    cells: Row = whole_rows()[name][0]
    test, unit = cells[f"{name}TESTCD"], cells.get(f"{name}ORRESU")
    shown = unit or "(empty)"
    when, visit = cells[f"{name}DTC"], cells["VISIT"]

    def changes(name: str = name, **cells: str) -> tuple[Change, ...]:
        return ((name, 0, {f"{name}{field}": value for field, value in cells.items()}),)

    CASES |= {
        f"{name}-101": (
            Case(
                changes(ORRESU="furlong"),
                changes(ORRESU="furlong", ORRES=""),
                0,
                f"The unit of {test} is furlong in 1 of its results. Which is it?",
            ),
        ),
        f"{name}-102": (
            Case(
                changes(ORRES=beyond),
                changes(ORRES=other),
                0,
                f"The result of {test} is {beyond} {shown}. Please check value and unit.",
                tenths,
            ),
        ),
        f"{name}-112": (
            Case(
                changes(ORRES=other),
                changes(ORRES=other, ORRESU="tenths"),
                0,
                f"The result of {test} is {other} {shown}, which is not plausible. In tenths it "
                "would be. Which unit is correct?",
                tenths,
            ),
        ),
        f"{name}-107": (
            Case(
                changes(ORRES="high"),
                changes(ORRES="<1"),
                0,
                f"The result of {test} is “high”. Expected a number, or < or > and a number. "
                "Please correct it.",
            ),
        ),
        f"{name}-108": (
            Case(
                ((name, 0, {f"{name}ORRESU": "a"}), (name, None, {f"{name}ORRESU": "b"})),
                ((name, 0, {f"{name}ORRESU": "a"}), (name, None, {f"{name}ORRESU": "A"})),
                None,
                f"{', '.join([str(test), *(['BLOOD'] if name == 'CP' else [])])} is given in "
                "several units: a (1), b (1). Please confirm the unit of each result, or send all "
                "in one.",
            ),
        ),
        f"{name}-109": (
            Case(
                (
                    (name, 0, {f"{name}DTC": f"{when}T08:00"}),
                    (name, None, {}),
                ),
                (
                    (name, 0, {f"{name}DTC": f"{when}T08:00"}),
                    (name, None, {f"{name}DTC": f"{when}T09:00"}),
                ),
                -1,
                f"{test} is there more than once at visit {visit}, {when}T08:00. Please say which "
                "result is right.",
            ),
        ),
    }
ALIKE_IF_ONE = (
    "differ only in form (case, blanks, hyphens, zeros). If they are one, please send them written "
    "alike."
)
CASES |= {
    "DM-141": (
        Case(
            (
                ("AE", 0, {"USUBJID": " s - 1.0"}),
                ("AE", None, {}),
                ("VS", 0, {"USUBJID": "s - 1.0"}),
            ),
            (("AE", 0, {"USUBJID": "S-010"}),),
            None,
            f"The subjects s - 1.0 (in AE, VS) and S-001 {ALIKE_IF_ONE}",
        ),
        # In DM itself one participant would be two.
        Case(
            (("DM", 1, {"USUBJID": "S-01"}),),
            (("DM", 1, {"USUBJID": "S-0.01"}),),
            None,
            f"The subjects S-01 (in DM) and S-001 {ALIKE_IF_ONE}",
        ),
    ),
    "DM-142": (
        Case(
            (("DM", 2, {"SITEID": "1.0"}),),
            (("DM", 2, {"SITEID": "10"}),),
            None,
            f"The sites 1.0 (in DM) and 01 {ALIKE_IF_ONE}",
        ),
        Case(
            (("DM", 2, {"SITEID": "Site-1"}),),
            (("DM", 2, {"SITEID": "Site-11"}),),
            None,
            f"The sites Site-1 (in DM) and 01 {ALIKE_IF_ONE}",
        ),
    ),
    "DM-143": (
        Case(
            (("LB", 0, {"VISIT": "Baseline"}), ("VS", 0, {"VISIT": "Baseline"})),
            (("LB", 0, {"VISIT": "BASELINE 1"}), ("VS", 0, {"VISIT": " BASELINE"})),
            None,
            f"The visits Baseline (in LB, VS) and BASELINE {ALIKE_IF_ONE}",
        ),
    ),
    "DM-144": (
        Case(
            (("RANDOMIZATION", 1, {"ARMCD": "Control"}),),
            (("RANDOMIZATION", 1, {"ARMCD": " CONTROL"}),),
            None,
            f"The arm codes Control (in RANDOMIZATION) and CONTROL {ALIKE_IF_ONE}",
        ),
    ),
}
CASES["VS-107"] = (
    Case(
        (("VS", 0, {"VSORRES": "tall"}),),
        (("VS", 0, {"VSORRES": "."}),),
        0,
        "The result of HEIGHT is “tall”. Expected a number, or < or > and a number. Please correct "
        "it.",
    ),
)
CASES["VS-108"] = (
    Case(
        (("VS", None, {"VSORRES": "65", "VSORRESU": "in"}),),
        (("VS", None, {"VSORRES": "", "VSORRESU": "in"}),),
        None,
        "HEIGHT is given in several units: cm (1), in (1). Please confirm the unit of each result, "
        "or send all in one.",
    ),
)
CASES["VS-109"] = (
    Case(
        (("VS", 0, {"VSDTC": "2023-03-10T08:00"}), ("VS", None, {})),
        (("VS", 0, {"VSDTC": "2023-03-10T08:00"}), ("VS", None, {"VSPOS": "SUPINE"})),
        -1,
        "HEIGHT is there more than once at visit BASELINE, 2023-03-10T08:00. Please say which "
        "result is right.",
    ),
)

# Every case has a place in the extract in which it stands beside others.
PLACES = dict(enumerate((case for cases in CASES.values() for case in cases), start=100))
EACH = [
    pytest.param(check, place, id=f"{check}-{number}")
    for (check, number), place in zip(
        ((check, number) for check, cases in CASES.items() for number, _ in enumerate(cases, 1)),
        PLACES,
        strict=True,
    )
]
Way = Literal["fails", "passes"]


@dataclass(frozen=True)
class Given:
    """An extract in which a case stands, perhaps beside others.

    Attributes:
        place: its place in it, where it is not alone.
        before: rows of other cases before its own, by domain.
    """

    sides: Sides
    place: int | None
    before: Mapping[str, int]

    def own(self, text: str) -> str:
        """A text that speaks of the participants of the case by their names in the extract."""
        return text if self.place is None else own(text, self.place)

    def of_case(self, rows: pl.DataFrame, subject: str) -> pl.DataFrame:
        """Those of some rows that are about participants of the case; all, where it is alone."""
        is_own = pl.col(subject).str.contains(self.own("S-00"), literal=True)
        return rows if self.place is None else rows.filter(is_own)


def stands_alone(case: Case) -> bool:
    """Whether a case is about the extract as a whole, or has participants by other names."""
    rows = [
        row
        for way in (case.fails, case.passes)
        for listed in changed(*way).values()
        for row in listed
    ]
    has_others = not all("S-00" in (row["USUBJID"] or "") for row in rows)
    return case.is_alone or case.found is None or has_others


@cache
def beside_others(way: Way, trial_id: int) -> dict[int, Given]:
    """By place, all cases of one trial definition that need not stand alone, in one extract."""
    cases = {
        place: case
        for place, case in PLACES.items()
        if id(case.trial) == trial_id and not stands_alone(case)
    }
    extracts = {place: changed(*getattr(case, way)) for place, case in cases.items()}
    sides = sides_of(side_by_side(extracts), next(iter(cases.values())).trial)
    before: Counter[str] = Counter()
    given = {}
    for place, extract in extracts.items():
        given[place] = Given(sides, place, Counter(before))
        before.update({name: len(rows) for name, rows in extract.items()})
    return given


def given_to(place: int, way: Way) -> Given:
    """The extract of a case after the changes that the check finds, or that it passes."""
    case = PLACES[place]
    if stands_alone(case):
        return Given(sides_of(changed(*getattr(case, way)), case.trial), None, Counter())
    return beside_others(way, id(case.trial))[place]


def found_by(check: str, found: pl.DataFrame) -> pl.DataFrame:
    return found.filter(pl.col("check") == check)


@pytest.fixture
def run_alone(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Leaves some functions of all checks, to save time."""

    def nothing(*_arguments: object) -> pl.DataFrame:
        return pl.DataFrame(schema={"rule": pl.String, "index": pl.UInt32})

    def leave(*functions: CheckFunction) -> None:
        left = {function.rule.id: function for function in functions}
        monkeypatch.setattr(findings, "CHECKS", left)
        monkeypatch.setattr(findings, "structural_failures", nothing)
        monkeypatch.setattr(findings, "form_failures", lambda *_arguments: ())
        monkeypatch.setattr(findings, "date_failures", lambda *_arguments: ())

    return leave


# By the evidence, which is kept, so that its id is its own, and the datasets.
_needed: dict[tuple[int, frozenset[str]], tuple[Evidence, Evidence]] = {}


def needed(function: CheckFunction, evidence: Evidence, more: Iterable[str] = ()) -> Evidence:
    """As if the extract had those datasets alone that a check says it needs, and some more."""
    present = evidence.tables.present & {"DM", *function.needs, *more}
    if (key := (id(evidence), present)) not in _needed:
        made = replace(evidence, tables=replace(evidence.tables, present=present))
        _needed[key] = evidence, made
    return _needed[key][1]


def test_every_check_has_its_cases() -> None:
    assert set(CASES) == set(CHECKS)
    assert all(CASES.values())


def test_an_extract_that_is_split_by_dataset_is_the_same() -> None:
    rows = whole_rows()
    sides = sides_of(rows)
    for evidence, tables in zip(
        (sides.opened, sides.complete), split(frames_of(rows), TRIAL), strict=True
    ):
        together = evidence.tables
        assert (together.absent, together.present) == (tables.absent, tables.present)
        assert together.is_open is tables.is_open
        assert list(together.frames) == list(tables.frames)
        for name, frame in tables.frames.items():
            assert_frame_equal(together.frames[name], frame)


def test_a_faultless_extract_has_no_findings() -> None:
    sides = sides_of(clean_rows())
    for found in (sides.open_findings, sides.all_findings):
        assert set(found["severity"]) == {"note"}
        assert all(check.endswith("-columns") for check in found["check"])


@pytest.mark.parametrize(("check", "place"), EACH)
def test_a_faulty_record_is_found(
    check: str, place: int, run_alone: Callable[[CheckFunction], None]
) -> None:
    run_alone(CHECKS[check])
    case, given = PLACES[place], given_to(place, "fails")
    touched = [domain for domain, _, _ in case.fails]
    sides = Sides(
        needed(CHECKS[check], given.sides.opened, touched),
        needed(CHECKS[check], given.sides.complete, touched),
    )
    rule = catalogue()[check]
    found, seen_open = (
        given.of_case(found_by(check, findings), "subject")
        for findings in (sides.all_findings, sides.open_findings)
    )
    if case.found is None or case.found < 0:
        check_said(case, given.own(case.query), found, sides.complete[rule.domain])
        assert seen_open.height == (0 if rule.sealed else found.height)
        return
    expected = {
        "check": check,
        "severity": rule.severity.value,
        "domain": rule.domain,
        "record_key": sides.record_key(rule.domain, given.before.get(rule.domain, 0) + case.found),
        "field": rule.field,
        "message": rule.sentence,
        "query": given.own(case.query),
    }
    assert found.select(list(expected)).to_dicts() == [expected]
    row = sides.complete[rule.domain].filter(pl.col("record_key") == expected["record_key"])
    assert found["subject"].item() == row["USUBJID"].item()
    assert found["value"].item() == row[rule.field].item()
    is_open = not rule.sealed and not expected["record_key"].startswith(f"{rule.domain}:")
    # The value may be masked in the open; the finding is the same.
    assert seen_open["finding"].to_list() == (found["finding"].to_list() if is_open else [])


def check_said(case: Case, query: str, found: pl.DataFrame, records: pl.DataFrame) -> None:
    """What a check says of several records that are alike, or of no single one."""
    if case.found is None:
        assert found.select("subject", "record_key").rows() == [(None, None)]
        assert found["query"].item() == query
        return
    assert found.height == 2
    for row in found.iter_rows(named=True):
        record = records.row(by_predicate=pl.col("record_key") == row["record_key"], named=True)
        assert row["query"] == query.format(**record)


@pytest.mark.parametrize(("check", "place"), EACH)
def test_the_nearest_record_passes(check: str, place: int) -> None:
    given, select = given_to(place, "passes"), CHECKS[check].select
    assert given.of_case(select(given.sides.complete), "USUBJID").is_empty()
    if not CHECKS[check].rule.sealed:
        assert given.of_case(select(given.sides.opened), "USUBJID").is_empty()


def test_a_check_runs_on_open_tables_unless_its_rule_is_sealed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: dict[bool, list[str]] = {True: [], False: []}

    def watched(check: str) -> None:
        select = CHECKS[check].select

        def watching(evidence: Evidence) -> pl.DataFrame:
            ran[evidence.tables.is_open].append(check)
            return select(evidence)

        monkeypatch.setitem(CHECKS, check, replace(CHECKS[check], select=watching))

    for check in list(CHECKS):
        watched(check)
    sides = sides_of(whole_rows())
    find(sides.opened)
    find(sides.complete)
    sealed = {check for check, function in CHECKS.items() if function.rule.sealed}
    about_doses = {f"EX-10{number}" for number in range(1, 9)}
    about_doses |= {"DM-121", "DA-101", "EC-101", "EC-102"}
    # Why somebody left, and in which words, is sealed.
    about_reasons = {"DS-106", "DS-109", "DS-110"}
    same_time = {f"{domain.name}-109" for domain in MEASUREMENTS}
    others = {"DM-107", "DM-108", "DM-122", "DM-144", "AE-111", "CM-101", "RS-124"}
    assert sealed == about_doses | about_reasons | same_time | others
    assert set(ran[True]) == set(CHECKS) - sealed
    assert set(ran[False]) == set(CHECKS)


def test_a_check_without_its_datasets_does_not_run(
    run_alone: Callable[..., None],
) -> None:
    def broken(_evidence: Evidence) -> pl.DataFrame:
        raise AssertionError

    whole = sides_of(whole_rows())
    needing: dict[str, list[CheckFunction]] = {}
    for check, function in CHECKS.items():
        run_alone(failing := replace(function, select=broken))
        with pytest.raises(BrokenCheckError, match=f"{check} did not run"):
            find(needed(function, whole.complete))
        for missing in function.needs:
            needing.setdefault(missing, []).append(failing)
    for missing, functions in needing.items():
        run_alone(*functions)
        present = whole.complete.tables.present - {missing}
        find(replace(whole.complete, tables=replace(whole.complete.tables, present=present)))


def test_no_check_fails_on_empty_datasets() -> None:
    rows = {name: listed if name == "DM" else [] for name, listed in clean_rows().items()}
    sides = sides_of(rows, cutoff=date(2023, 4, 30))
    checks = set(sides.all_findings.filter(pl.col("severity") != "note")["check"])
    # The death of S-002 is in DM alone, and nobody's screening has an outcome.
    assert checks == {"DM-105", "DM-114"}


def test_no_check_needs_a_cutoff() -> None:
    sides = sides_of(clean_rows(), cutoff=None)
    assert set(sides.all_findings["severity"]) == {"note"}


def test_no_check_fails_where_the_trial_defines_little() -> None:
    little = TRIAL.model_copy(update={"criteria": (), "measures": (), "dosing": None})
    sides = sides_of(clean_rows(), little)
    # Without criteria or measures IE and LB rows are sealed, and nothing holds them to a limit.
    for found in (sides.open_findings, sides.all_findings):
        assert set(found["severity"]) == {"note"}


def test_seriousness_is_not_asked_for_where_the_extract_has_no_criterion() -> None:
    rows = changed(("AE", 0, {"AESER": "Y"}))
    for row in rows["AE"]:
        del row["AESDTH"], row["AESHOSP"]
    assert found_by("AE-102", sides_of(rows).all_findings).is_empty()


@pytest.mark.parametrize("missing", ["DTHFL", "DTHDTC"])
def test_death_is_not_asked_for_in_a_field_that_the_extract_lacks(missing: str) -> None:
    rows = clean_rows()
    for row in rows["DM"]:
        del row[missing]
    assert found_by("DM-104", sides_of(rows).all_findings).is_empty()


def test_dosing_days_can_count_from_the_day_after_assignment() -> None:
    assert TRIAL.dosing is not None
    later = TRIAL.dosing.model_copy(update={"day_one": "day after assignment"})
    trial = TRIAL.model_copy(update={"dosing": later})

    def outside(day: date, trial: Trial) -> bool:
        rows = changed(("EX", 1, {"EXSTDTC": day.isoformat()}))
        return not found_by("EX-102", sides_of(rows, trial).all_findings).is_empty()

    fifth, sixth = date(2023, 3, 14), date(2023, 3, 15)
    assert [outside(fifth, TRIAL), outside(sixth, TRIAL)] == [False, True]
    assert [outside(fifth, trial), outside(sixth, trial)] == [False, False]


def test_a_finding_names_the_record_and_not_its_subject_alone() -> None:
    rows = changed(
        ("AE", 0, {"AEENDTC": "2023-03-11"}),
        ("AE", None, {"AEDECOD": "Nausea", "AEENDTC": "2023-03-11"}),
        ("AE", None, {"AEDECOD": "Rash", "AEENDTC": "2023-03-14"}),
    )
    sides: Sides = sides_of(rows, cutoff=CUTOFF)
    keys = {sides.record_key("AE", 0), sides.record_key("AE", 2)}
    assert set(found_by("AE-AEENDTC-order", sides.all_findings)["record_key"]) == keys

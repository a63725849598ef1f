"""Whose record passed cannot be told, by somebody who did not write the code that sees to it.

And what sites do every day, coding later, correcting, deleting, opens as in a first load.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest

from data_validation.crossing import Earlier, kept_apart
from data_validation.domains import DOMAINS
from data_validation.sealing import split
from data_validation.visits_by_date import visits_by_date
from trials import Trial, load_trial

TRIAL = load_trial("nct05689008")
SEALED = TRIAL.sealed.preferred_terms[0]
Row = dict[str, str | None]
Open = list[tuple[Any, ...]]


class Cuts:
    """Extracts at one cut after another, each split and kept apart from the one before."""

    def __init__(self) -> None:
        self.earlier: Earlier | None = None

    def load(
        self, datasets: Mapping[str, Sequence[Row]], trial: Trial = TRIAL
    ) -> dict[str, pl.DataFrame]:
        """What is open of each dataset."""
        received = {
            name: pl.DataFrame(
                rows,
                schema=dict.fromkeys(dict.fromkeys(key for row in rows for key in row), pl.String),
            ).with_columns(_file=pl.lit(name), _row=pl.int_range(pl.len()))
            for name, rows in datasets.items()
        }
        both = split(received, trial, visits_by_date(received, trial))
        opened, complete, identities = kept_apart(*both, trial, bytes(32), self.earlier)
        relations = {}
        for name, frame in opened.frames.items():
            domain = DOMAINS[name]
            relations[domain.relation] = frame.select(
                "record_key",
                *(
                    pl.col(field.name).alias(f"{field.word}_text" if field.typed else field.word)
                    for field in domain.open_fields
                ),
            )
        for tables in (opened, complete):
            assert all(frame["record_key"].is_unique().all() for frame in tables.frames.values())

        def rows_of(relation: str, keys: list[str]) -> pl.DataFrame:
            return relations[relation].filter(pl.col("record_key").is_in(keys))

        self.earlier = Earlier(identities, rows_of, date(2023, 7, 31), pl.DataFrame())
        names = {name: [field.name for field in DOMAINS[name].open_fields] for name in received}
        return {name: opened.frames[name].select(names[name]) for name in received}

    def __call__(self, name: str, rows: Sequence[Row], trial: Trial = TRIAL) -> Open:
        return sorted(self.load({name: rows}, trial)[name].rows(), key=repr)


def second(name: str, first: Sequence[Row], then: Sequence[Row], trial: Trial = TRIAL) -> Open:
    """What is open at the second of two cuts."""
    cuts = Cuts()
    cuts(name, first)
    return cuts(name, then, trial)


def ae(**cells: str | None) -> Row:
    return {
        **{"USUBJID": "S1", "AETERM": "Headache", "AEDECOD": "Headache", "AESEV": "MILD"},
        **{"AEBODSYS": "Nervous system disorders", "AESTDTC": "2023-05-01", "AEENDTC": None},
        **cells,
    }


def lb(**cells: str | None) -> Row:
    return {
        **{"USUBJID": "S1", "LBTESTCD": "CRP", "LBORRES": "10", "LBORRESU": "mg/L"},
        **{"VISIT": "DAY 4", "LBDTC": "2023-05-01", "LBTPT": None, "LBSPEC": "SERUM"},
        **cells,
    }


def ce(day: str, **cells: str | None) -> Row:
    return {
        **{"USUBJID": "S1", "CETERM": "Cough", "CEDECOD": "COUGH", "CEPRESP": "Y"},
        **{"CEOCCUR": "Y", "CEDTC": day, "CESTDTC": None, "CETPT": None},
        **cells,
    }


def fa(of: str, **cells: str | None) -> Row:
    return {
        **{"USUBJID": "S1", "FAOBJ": of, "FATESTCD": "OCCUR", "FASTRESC": "Y"},
        **{"VISIT": "DAY 4", "FADTC": "2023-05-01", "FATPT": None},
        **cells,
    }


def gas(
    time: str, value: str, point: str | None = None, of_fraction: str | None = None
) -> list[Row]:
    at = {"LBDTC": f"2023-05-01T{time}", "LBSPEC": "ARTERIAL BLOOD"}
    return [
        lb(LBTESTCD="PO2", LBORRES=value, LBORRESU="mmHg", LBTPT=point, **at),
        lb(LBTESTCD="FIO2", LBORRES="40", LBORRESU="%", LBTPT=of_fraction, **at),
    ]


DAYS = ("2023-05-01", "2023-05-02", "2023-05-03")
TWINS = [ae(AEENDTC="2023-05-02"), ae(AESEV="SEVERE")]
# Dataset; its records at the first cut; at the second if none has passed; and if one has.
PASSING: dict[str, tuple[str, list[Row], list[Row], list[Row]]] = {
    "a diary grows": (
        "CE",
        [ce(day) for day in DAYS[:2]],
        [ce(day) for day in DAYS],
        [ce(DAYS[0]), ce(DAYS[1], CETPT="2H"), ce(DAYS[2])],
    ),
    "another symptom comes": (
        "FA",
        [fa("COUGH"), fa("FEVER")],
        [fa("COUGH"), fa("FEVER"), fa("FATIGUE")],
        [fa("COUGH"), fa("FEVER", FATPT="2H"), fa("FATIGUE")],
    ),
    "another result comes": (
        "LB",
        [lb()],
        [lb(), lb(LBORRES="99")],
        [lb(LBTPT="PRE"), lb(LBORRES="99")],
    ),
    "another event of that day comes": (
        "AE",
        TWINS,
        [*TWINS, ae(AESEV="MODERATE")],
        [TWINS[0], ae(AESEV="SEVERE", AEDECOD=SEALED), ae(AESEV="MODERATE")],
    ),
    "a gas of the morning": (
        "LB",
        gas("08:00", "90") + gas("14:00", "50"),
        gas("08:00", "90") + gas("14:00", "50"),
        gas("08:00", "90", "2H", "2H") + gas("14:00", "50"),
    ),
    "half of a pair of gases": (
        "LB",
        gas("08:00", "90"),
        gas("08:00", "90"),
        gas("08:00", "90", "2H"),
    ),
    "neither words nor day": (
        "AE",
        [ae(AETERM=None, AESTDTC=None)],
        [ae(AETERM=None, AESTDTC=None)],
        [ae(AETERM=None, AESTDTC=None, AEDECOD=SEALED)],
    ),
}


@pytest.mark.parametrize("name", PASSING)
def test_whose_record_passed_is_not_told(name: str) -> None:
    dataset, first, nobody, somebody = PASSING[name]
    assert second(dataset, first, somebody) == second(dataset, first, nobody)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (ae(), ae(AETERM="Headache.", AESTDTC="2023-05-02", AEDECOD=SEALED)),
        (ae(AESTDTC="01MAY2023"), ae(AETERM="corrected", AEDECOD=SEALED)),
        (ae(), ae(AETERM="corrected", AESTDTC="2023/05/01", AEDECOD=SEALED)),
    ],
)
def test_a_record_that_is_written_otherwise_stays_as_it_was(first: Row, then: Row) -> None:
    assert second("AE", [first], [then]) == Cuts()("AE", [first])


def test_a_result_that_was_placed_by_its_date_stays() -> None:
    days: list[Row] = [
        {"USUBJID": "S1", "DSDECOD": text, "DSTERM": text, "DSSTDTC": "2023-04-28"}
        for text in ("RANDOMIZED",)
    ]
    people: list[Row] = [{"USUBJID": "S1", "ARMCD": "CONTROL"}]
    cuts = Cuts()
    for point in (None, "2H"):
        result = lb(VISIT=None, LBTPT=point)
        found = cuts.load({"DM": people, "DS": days, "LB": [result]})["LB"]
        assert found.height == 1


def test_a_record_that_was_kept_stays_though_another_becomes_like_it() -> None:
    cuts, other = Cuts(), ae(AETERM="sick", AEDECOD="Nausea")
    cuts("AE", [ae(), other])
    cuts("AE", [ae(AEDECOD=SEALED), other])
    found = cuts("AE", [ae(AEDECOD=SEALED), other | {"AETERM": "headache"}])
    assert {row[1] for row in found} == {"Headache", "Nausea"}


def test_a_code_that_is_taken_away_for_a_while_opens_and_hides_nothing() -> None:
    """From a sealed term to none and to an open one; and of one that was kept, to none and back."""
    cuts = Cuts()
    for code in (SEALED, None, "Headache"):
        assert cuts("AE", [ae(AEDECOD=code)]) == []
    cuts = Cuts()
    for code in ("Headache", SEALED, None, SEALED):
        assert len(cuts("AE", [ae(AEDECOD=code)])) == 1


def test_what_was_sealed_stays_so_though_one_extract_lacks_its_dataset() -> None:
    cuts = Cuts()
    people: list[Row] = [{"USUBJID": "S1"}]
    cuts.load({"DM": people, "AE": [ae(AEDECOD=SEALED)]})
    cuts.load({"DM": people})
    assert cuts.load({"DM": people, "AE": [ae()]})["AE"].is_empty()


HISTORY: Row = {"USUBJID": "S1", "MHTERM": "high pressure", "MHDECOD": None, "MHSTDTC": "2015"}
COURSE: Row = {"USUBJID": "S1", "CMTRT": "DEXAMETHASONE", "CMSTDTC": "2023-05-01", "CMENDTC": None}
PROCEDURE: Row = {"USUBJID": "S1", "PRTRT": "ECMO", "PRSTDTC": "2023-05-03"}
ANSWER: Row = {
    **{"USUBJID": "S1", "QSTESTCD": "COUGH", "QSCAT": None, "QSORRES": "1"},
    **{"VISIT": "DAY 4", "QSDTC": "2023-05-01"},
}
ORDINARY: dict[str, tuple[str, Row, Row]] = {
    "coded later": ("MH", HISTORY, {"MHDECOD": "Hypertension"}),
    "ended": ("CM", COURSE, {"CMENDTC": "2023-05-09"}),
    "named in full": ("PR", PROCEDURE, {"PRTRT": "EXTRACORPOREAL MEMBRANE OXYGENATION"}),
    "another one of that day": ("PR", PROCEDURE, {"PRTRT": "MECHANICAL VENTILATION"}),
    "a serious one in place of a sealed one": (
        "AE",
        ae(AETERM="storm", AEDECOD=SEALED),
        {"AETERM": "heart attack", "AEDECOD": "Myocardial infarction", "AESER": "Y"},
    ),
    "a category filled in": ("QS", ANSWER, {"QSCAT": "SYMPTOM QUESTIONNAIRE"}),
}


@pytest.mark.parametrize("name", ORDINARY)
def test_what_sites_do_every_day_opens_as_in_a_first_load(name: str) -> None:
    dataset, row, change = ORDINARY[name]
    alone = Cuts()(dataset, [row | change])
    assert alone
    assert second(dataset, [row], [row | change]) == alone


def test_a_gas_that_is_corrected_is_not_shown_as_it_was() -> None:
    corrected = gas("08:00", "90") + gas("14:00", "130")
    first = gas("08:00", "90") + gas("14:00", "30")
    assert second("LB", first, corrected) == Cuts()("LB", corrected)


def test_what_the_definition_seals_or_opens_since_then_is_sealed_or_opens() -> None:
    without = tuple(measure for measure in TRIAL.measures if measure.name != "crp")
    less = TRIAL.model_copy(update={"measures": without})
    assert second("LB", [lb()], [lb()], less) == []
    cuts = Cuts()
    assert cuts("LB", [lb()], less) == []
    assert len(cuts("LB", [lb()])) == 1
    # One that was kept as it was, under a term that the definition then seals, too.
    terms = (*TRIAL.sealed.preferred_terms, "Headache")
    sealed = TRIAL.sealed.model_copy(update={"preferred_terms": terms})
    more = TRIAL.model_copy(update={"sealed": sealed})
    cuts = Cuts()
    cuts("AE", [ae()])
    assert len(cuts("AE", [ae(AEDECOD=SEALED)])) == 1
    assert cuts("AE", [ae(AEDECOD=SEALED)], more) == []

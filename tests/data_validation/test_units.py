"""Spellings of one unit are equal, those of two units are not, and nothing is converted by guess.

Spellings of UCUM are those of its table of example codes, those of CDISC of its code list Unit.
"""

import polars as pl
import pytest

from data_validation.measures import measured
from data_validation.units import by_unit, folded_unit, folded_units
from tests.data_validation.small_extracts import TRIAL, Row, changed, sides_of
from trials import load_trial

SPELLINGS = [
    "10^9/L 10*9/L x10E9/L 10E9/L ×10⁹/L x10^9/L 10**9/L K/uL k/µL K/μL GI/L TH/uL THOU/uL "
    "10^3/uL 10*3/uL 10³/μL 10^3/mm3 10*9{cells}/L 1/nL",
    "10^12/L 10*12/L 10*6/uL 10^6/uL T/L TI/L",
    "10^6/L /uL cells/uL {cells}/uL 1/uL /mm3 cells/mm³",
    "umol/L µmol/L μmol/L umol/l UMOL/L mcmol/L micromol/L umol.L-1 umol·L⁻¹",
    "ug/mL mcg/mL µg/ml",
    "IU/L [IU]/L [iU]/L UI/L",
    "mmHg mm[Hg] MMHG ㎜Hg",
    "C Cel °C degC ℃",
    "F [degF] °F",
    "beats/min bpm {beats}/min /min",
    "mg/L{FEU} mg{FEU}/L",
    "kg/m2 kg/m^2 kg/m²",
    "cm[H2O] cmH2O",
    "mL/min/1.73m2 mL/min/{1.73_m2}",
    "in [in_i]",
    "% ％",
    *("U/L", "g/L", "G/L", "mg/dL", "g/dL", "mmol/L", "pg/mL", "ng/mL", "ng/L", "ug/L", "mg/L"),
    *("kPa", "m", "cm", "ms", "M/uL", "fraction"),
]


@pytest.mark.parametrize("spelled", SPELLINGS, ids=lambda spelled: spelled.split()[0])
def test_spellings_of_one_unit_are_equal_and_of_two_are_not(spelled: str) -> None:
    forms = {folded_unit(unit) for unit in spelled.split()}
    assert len(forms) == 1
    others = {
        folded_unit(unit) for other in SPELLINGS if other != spelled for unit in other.split()
    }
    assert not forms & others


def test_blanks_around_and_within_a_unit_do_not_matter() -> None:
    assert folded_unit(" x 10^9 / L ") == folded_unit("10^9/L")
    assert folded_unit("mm Hg") == folded_unit("mmHg")
    assert folded_unit("mg/L FEU") == folded_unit("mg FEU/L")
    assert folded_units(pl.Series([None, " ", "µg"])).to_list() == ["", "", "ug"]


def test_a_capital_g_is_giga_where_cells_are_counted_and_a_gram_where_only_grams_are() -> None:
    cells, grams = by_unit({"10^9/L": 1.0}), by_unit({"g/L": 1.0, "g/dL": 10.0})
    assert cells[folded_unit("G/L")] == grams[folded_unit("G/L")] == 1.0
    assert folded_unit("g/L") not in cells
    assert folded_unit("G/L") not in by_unit({"mg/L": 1.0})


def test_a_unit_that_a_definition_gives_two_factors_is_none() -> None:
    assert by_unit({"mg/L": 1.0, "10^9/L": 1.0, "K/uL": 1000.0}) == {"mg/l": 1.0}


@pytest.mark.parametrize("name", ["nct05689008", "cdiscpilot01"])
def test_no_definition_gives_one_unit_two_factors(name: str) -> None:
    for measure in load_trial(name).measures:
        forms = {folded_unit(unit) for unit in measure.factors}
        assert forms <= set(by_unit(measure.factors)), measure.name


@pytest.mark.parametrize("unit", ["umol/L", "µmol/L", "μmol/L", "UMOL/L", "umol·L⁻¹"])
def test_a_result_is_used_whichever_way_its_unit_is_spelled(unit: str) -> None:
    cells = {"LBTESTCD": "BILI", "LBORRES": "12", "LBORRESU": unit, "LBSPEC": "SERUM"}
    sides = sides_of(changed(("LB", 2, dict(cells))))
    rows = measured(sides.opened["LB"], "LB", TRIAL).filter(pl.col("measure") == "bilirubin")
    assert rows["value"].to_list() == [12.0]
    assert not any(sides.all_findings["check"].str.starts_with("LB-1"))


def test_spellings_of_one_unit_are_not_several_units() -> None:
    bilirubin: Row = {"LBTESTCD": "BILI", "LBORRES": "12", "LBSPEC": "SERUM"}
    one: Row = bilirubin | {"LBORRESU": "µmol/L"}
    rows = changed(("LB", 2, one), ("LB", None, bilirubin | {"LBORRESU": "umol/l"}))
    assert "LB-108" not in sides_of(rows).all_findings["check"].to_list()
    rows = changed(("LB", 2, one), ("LB", None, bilirubin | {"LBORRESU": "mg/dL"}))
    assert "LB-108" in sides_of(rows).all_findings["check"].to_list()

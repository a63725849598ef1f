"""Small made-up extracts of the demonstration trial: participants, and what a test gives."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from data_validation.assess import Assessment, assess
from data_validation.load import load
from data_validation.readers import Dataset, Extract
from data_validation.rules import Evidence
from data_validation.sealing import split
from tests.conftest import KeyPair, LoadedTrial, without_checks
from tests.data_validation.readers.written import written
from trials import Trial, load_trial

Row = dict[str, str | None]
TRIAL: Trial = load_trial("nct05689008")
CUTOFF = date(2023, 4, 30)
ARMS = ("UCMSC", "CONTROL")


def subject(number: int) -> str:
    """The identifier of a participant, from 1."""
    return f"S-{number:03}"


def frames(
    results: Sequence[Row], people: int = 10, **more: Sequence[Row]
) -> dict[str, pl.DataFrame]:
    """Datasets by name: `people`, randomized in turn to each arm on 2 March 2023, and LB."""
    demographics: list[Row] = [
        {
            "STUDYID": "NCT05689008",
            "USUBJID": subject(number),
            "SITEID": "01",
            "AGE": "60",
            "AGEU": "YEARS",
            "SEX": "F",
            "RFICDTC": "2023-03-01",
            "DMDTC": "2023-03-01",
        }
        for number in range(1, people + 1)
    ]
    allocated: list[Row] = [
        {"USUBJID": subject(number), "ARMCD": ARMS[number % 2], "RANDDTC": "2023-03-02"}
        for number in range(1, people + 1)
    ]
    rows = {"DM": demographics, "RANDOMIZATION": allocated, "LB": results, **more}
    return {name: _frame(of) for name, of in rows.items()}


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in names},
        schema=dict.fromkeys(names, pl.String),
    )


def _numbered(datasets: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Datasets as a reader gives them, with file and row."""
    return {
        name: frame.with_columns(
            pl.lit(f"{name.lower()}.csv").alias("_file"),
            pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_row"),
        )
        for name, frame in datasets.items()
    }


def opened(results: Sequence[Row], trial: Trial = TRIAL) -> dict[str, pl.DataFrame]:
    """The open relations of two participants with these results."""
    tables, _ = split(_numbered(frames(results, people=2)), trial)
    people = [(subject(number), date(2023, 3, 2)) for number in (1, 2)]
    schema = {"subject": pl.String, "randomization_date": pl.Date}
    known = pl.DataFrame(people, schema=schema, orient="row")
    return Evidence(tables, known, trial, None).relations


def assessed(datasets: Mapping[str, pl.DataFrame], trial: Trial = TRIAL) -> Assessment:
    """What a load would make of datasets."""
    read = {name: Dataset(name, frame) for name, frame in _numbered(datasets).items()}
    return assess(Extract("made up", read, (), ()), trial, CUTOFF)


def loaded_from(
    datasets: Mapping[str, pl.DataFrame],
    keys: KeyPair,
    folder: Path,
    suffix: str = ".csv",
    trial: Trial = TRIAL,
) -> LoadedTrial:
    """Datasets written in one format and loaded into a store of their own."""
    extract, store = folder / "extract", keys.store(folder / "store")
    extract.mkdir(parents=True)
    for name, frame in datasets.items():
        written(frame, suffix, extract, name.lower())
    # What it is loaded for is shown beside findings.
    with without_checks():
        load(extract, trial, store, keys.public, cutoff=CUTOFF)
    return LoadedTrial(trial, store, extract, keys)

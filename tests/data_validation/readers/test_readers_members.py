"""Folders and zips from outside: nothing leads out, nothing is unpacked, nothing is unbounded."""

import io
import os
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from data_validation.readers import Limits, UnreadableExtract, read_extract
from data_validation.readers.members import Budget, Member
from data_validation.readers.problems import Refusal

DM = b"STUDYID,DOMAIN,USUBJID\nS,DM,S-1\n"
SECRET = "SECRET-0815"


def zipped(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def sentences(path: Path, limits: Limits | None = None) -> list[str]:
    """The sentences with which an extract is refused."""
    with pytest.raises(UnreadableExtract) as caught:
        read_extract(path, limits=limits or Limits())
    problems = caught.value.problems
    assert problems
    assert all(SECRET not in problem.sentence for problem in problems)
    assert str(caught.value) == "\n".join(problem.sentence for problem in problems)
    assert all(problem.file is None or problem.file in problem.sentence for problem in problems)
    return [problem.sentence for problem in problems]


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    (said,) = sentences(tmp_path / "none")
    assert said == f"{tmp_path / 'none'} does not exist; give the folder or the zip of the extract."


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    for name, reason in (
        ("dm.csv", "is one file; give the folder that it lies in"),
        ("dm.xlsx", "is one file; give the folder that it lies in"),
        ("extract.zip", "is neither a folder nor a whole zip"),
    ):
        (tmp_path / name).write_bytes(DM)
        (said,) = sentences(tmp_path / name)
        assert reason in said


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (said,) = sentences(tmp_path)
    assert said == f"{tmp_path} is an empty folder; put one file per dataset there."


def test_a_folder_or_zip_without_a_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text(SECRET)
    (said,) = sentences(tmp_path)
    formats = "CSV, TSV, PARQUET, XPT, SAS7BDAT, XLSX, JSON, NDJSON"
    assert f"holds no dataset; put one file per dataset there ({formats})." in said
    (said,) = sentences(zipped(tmp_path / "extract.zip", {"README.txt": b""}))
    assert "holds no dataset" in said


def test_a_cut_zip_is_refused(tmp_path: Path) -> None:
    content = zipped(tmp_path / "whole.zip", {"dm.csv": DM, "ae.csv": DM}).read_bytes()
    for cut in range(0, len(content), 7):
        (tmp_path / "cut.zip").write_bytes(content[:cut])
        assert len(sentences(tmp_path / "cut.zip")) == 1


def test_a_damaged_zip_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "extract.zip", {"dm.csv": DM, "ae.csv": DM}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"S-1", b"S-2", 1))
    (said,) = sentences(path)
    assert said == "dm.csv can not be taken from the extract (BadZipFile); send it again."


@pytest.mark.parametrize(
    "name",
    ["../dm.csv", "a/../../dm.csv", "/etc/dm.csv", "C:\\dm.csv", "..\\dm.csv", "\\\\x\\dm.csv"],
)
def test_a_name_that_leads_out_of_the_zip_is_refused(tmp_path: Path, name: str) -> None:
    for files in ({name: DM, "ae.csv": DM}, {name: DM}):
        (said,) = sentences(zipped(tmp_path / "extract.zip", files))
        assert "has a name that leads out of the zip" in said


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("dm.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "extract.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert sentences(tmp_path / "extract.zip") == [
        "dm.csv is a link; put the file itself into the zip."
    ]


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "extract.zip", {"dm.csv": DM})
    content = bytearray(path.read_bytes())
    for signature, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags_at] |= 1
    path.write_bytes(content)
    (said,) = sentences(path)
    assert said.startswith("dm.csv is encrypted; send the zip without a password")


def test_a_zip_that_states_more_than_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = zipped(tmp_path / "extract.zip", {"dm.csv": b"A\n" * 500_000, "README.txt": b"x" * 500})
    assert path.stat().st_size < 10_000
    (said,) = sentences(path, Limits(total_bytes=999_999))
    assert "is larger than the limit of 999999 bytes, uncompressed" in said
    assert read_extract(path, limits=Limits(total_bytes=1_000_000)).datasets["DM"].frame.height


def test_a_zip_that_states_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "extract.zip", {"dm.csv": b"A\n" * 500_000})
    content = bytearray(path.read_bytes())
    for signature, size_at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(signature) + size_at, 10)
    path.write_bytes(content)
    (said,) = sentences(path)
    assert said == "dm.csv can not be taken from the extract (BadZipFile); send it again."


class Endless(io.RawIOBase):
    """A source without an end that counts what is taken from it."""

    taken = 0

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0
        self.taken += size
        return b"x" * size


def test_reading_stops_at_the_limit_whatever_was_stated() -> None:
    source = Endless()

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield source  # type: ignore[misc]

    budget = Budget(5_000_000)
    with pytest.raises(Refusal, match="over the limit of 5000000 bytes"):
        budget.read(Member("dm.csv", 1, opened))
    assert source.taken == 5_000_001
    # The limit is that of all files together: nothing is left for the next one.
    with pytest.raises(Refusal, match="over the limit"):
        budget.read(Member("ae.csv", 1, opened))
    assert source.taken == 5_000_002


def test_a_zip_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path)
    path = zipped(tmp_path / "extract.zip", {"dm.csv": DM, "ae.csv": DM.replace(b"DM", b"AE")})
    before = set(tmp_path.rglob("*"))
    assert list(read_extract(path).datasets) == ["AE", "DM"]
    assert set(tmp_path.rglob("*")) == before


def test_one_folder_around_all_files_of_a_zip_is_looked_through(tmp_path: Path) -> None:
    files = {"cut-1/dm.csv": DM, "cut-1/docs/plan.csv": DM, "__MACOSX/cut-1/._dm.csv": b"x"}
    extract = read_extract(zipped(tmp_path / "cut-1.zip", files))
    assert extract.name == "cut-1"
    assert extract.datasets["DM"].frame["_file"].to_list() == ["dm.csv"]
    assert [(ignored.file, ignored.reason) for ignored in extract.ignored] == [
        ("__MACOSX/", "holds what macOS adds to a zip"),
        ("docs/", "is a folder; only files beside it are read"),
    ]


def test_two_folders_in_a_zip_are_not_looked_through(tmp_path: Path) -> None:
    files = {"dm.csv": DM, "old/dm.csv": DM, "older\\dm.csv": DM}
    extract = read_extract(zipped(tmp_path / "extract.zip", files))
    assert extract.datasets["DM"].frame.height == 1
    assert [ignored.file for ignored in extract.ignored] == ["old/", "older/"]


def test_a_link_out_of_a_folder_is_refused_and_one_within_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "extract"
    (folder / ".parts").mkdir(parents=True)
    (folder / ".parts" / "dm.csv").write_bytes(DM)
    (folder / "dm.csv").symlink_to(folder / ".parts" / "dm.csv")
    assert read_extract(folder).datasets["DM"].frame.height == 1

    (tmp_path / "outside.csv").write_bytes(DM)
    (folder / "ae.csv").symlink_to(tmp_path / "outside.csv")
    (said,) = sentences(folder)
    assert said == "ae.csv is a link that leaves the folder; put the file itself there."


def test_a_link_to_the_folder_itself_is_followed(tmp_path: Path) -> None:
    (tmp_path / "cut-1").mkdir()
    (tmp_path / "cut-1" / "dm.csv").write_bytes(DM)
    (tmp_path / "latest").symlink_to(tmp_path / "cut-1")
    assert read_extract(tmp_path / "latest").name == "cut-1"


def test_a_pipe_or_a_broken_link_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ae.csv")
    (tmp_path / "dm.csv").symlink_to(tmp_path / "none.csv")
    assert sentences(tmp_path) == [
        "ae.csv is not a regular file; put a file there.",
        "dm.csv is not a regular file; put a file there.",
    ]


def test_a_folder_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dm.csv").write_bytes(DM)
    (tmp_path / "ae.csv").write_bytes(DM)
    read_extract(tmp_path, limits=Limits(total_bytes=2 * len(DM)))
    (said,) = sentences(tmp_path, Limits(total_bytes=2 * len(DM) - 1))
    assert "is larger than the limit" in said


def test_names_that_can_not_be_printed_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "d\x1bm.csv").write_bytes(DM)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xffe.csv")).write_bytes(DM)
    frame = read_extract(tmp_path).datasets["DM"].frame
    assert frame["_file"].to_list() == ["a\ufffde.csv", "d\ufffdm.csv"]

"""Dataset-JSON as real senders write it, and what is refused of it."""

import json
from typing import Any

import polars as pl
import pytest

from data_validation.readers.dataset_json import read_dataset_json, read_dataset_ndjson
from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.text import Table
from tests.data_validation.readers.written import dataset_json

FRAME = pl.DataFrame({"USUBJID": ["S-1", "S-2"], "AGE": [63.0, None]})
SECRET = "SECRET-0815"


def changed(**parts: Any) -> dict[str, Any]:
    return dataset_json(FRAME) | parts


def read(head: Any) -> Table:
    return read_dataset_json(json.dumps(head).encode(), Limits())


def cells(table: Table) -> list[list[Any]]:
    return [column.to_list() for column in table.columns]


def refusal(data: bytes, *, by_line: bool = False, limits: Limits | None = None) -> Refusal:
    reader = read_dataset_ndjson if by_line else read_dataset_json
    with pytest.raises(Refusal) as caught:
        reader(data, limits or Limits())
    assert SECRET not in caught.value.reason
    return caught.value


def test_cells_of_any_plain_type_are_text_as_received() -> None:
    row = ["1.50", 1.5, 63, 63.0, 12345678901234567890, True, None, ".", "  x", "\ud83d\ude00"]
    columns = [{"name": f"C{place}"} for place in range(len(row))]
    table = read(changed(columns=columns, rows=[row], records=1))
    (got,) = zip(*cells(table), strict=True)
    assert got == (
        "1.50", "1.5", "63", "63", "12345678901234567890", "Y", None, ".", "  x", "😀",
    )  # fmt: skip


def test_a_column_may_mix_types() -> None:
    table = read(changed(rows=[["S-1", "63"], ["S-2", 63.5]]))
    assert cells(table)[1] == ["63", "63.5"]


@pytest.mark.parametrize("label", [[], None, 5, {"en": "Age"}])
def test_labels_may_be_wrong_or_missing(label: Any) -> None:
    columns = [{"name": "USUBJID", "label": label}, {"name": "AGE"}]
    assert read(changed(columns=columns, label=label)).names == ("USUBJID", "AGE")


@pytest.mark.parametrize(
    ("parts", "dataset"),
    [
        ({}, "DM"),
        ({"name": "suppae"}, "SUPPAE"),
        ({"name": None}, "DM"),
        ({"name": "no name", "itemGroupOID": "IG.AE"}, "AE"),
        ({"name": [], "itemGroupOID": 5}, None),
        ({"name": "../DM", "itemGroupOID": None}, None),
    ],
)
def test_the_dataset_has_its_name_from_within(parts: dict[str, Any], dataset: str | None) -> None:
    table = read(changed(**parts))
    assert table.dataset == dataset
    assert bool(table.notes) == (dataset is None)


@pytest.mark.parametrize("records", [2, "2", None])
def test_the_number_of_records_may_be_text_or_missing(records: Any) -> None:
    assert len(read(changed(records=records)).columns[0]) == 2


def test_a_dataset_without_rows() -> None:
    table = read(changed(rows=[], records=0))
    assert cells(table) == [[], []]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"records": 3}, "promises 3 records and holds 2"),
        ({"records": SECRET}, "promises another number of records and holds 2"),
        ({"rows": None}, "has no rows"),
        ({"rows": {"0": []}}, "has no rows"),
        ({"rows": [["S-1", 1], ["S-2"]]}, "has 1 values in data row 2, where 2 columns are named"),
        ({"rows": [["S-1", 1], None]}, "is no list of values in data row 2"),
        (
            {"rows": [["S-1", 1], ["S", [SECRET]]]},
            "has a list or an object in data row 2",
        ),
        ({"columns": []}, "names no columns"),
        ({"columns": {"name": "A"}}, "names no columns"),
        ({"columns": [{"name": "A"}, {"label": "B"}]}, "gives column 2 no name"),
    ],
)
def test_what_does_not_fit_together_is_refused(parts: dict[str, Any], reason: str) -> None:
    assert refusal(json.dumps(changed(**parts)).encode()).reason.startswith(reason)


@pytest.mark.parametrize("missing", ["columns", "datasetJSONVersion"])
def test_other_json_is_refused(missing: str) -> None:
    head = changed()
    del head[missing]
    said = refusal(json.dumps(head).encode()).reason
    assert said.startswith(f"is JSON, but no Dataset-JSON 1.1: it lacks {missing}.")
    assert refusal(b"[1, 2]").reason.startswith("is JSON, but no Dataset-JSON 1.1")
    assert refusal(b'"x"', by_line=True).line == 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\n", "is not whole JSON"),
        (b"[" * 200_000, "is nested too deeply"),
        (b'{"a": NaN}', "holds NaN"),
        (b'{"a": ' + b"9" * 5000 + b"}", "holds a number of thousands of digits"),
        (b'{"rows": [1], "rows": []}', "gives a key twice"),
        (b"{}\n{}", "is not whole JSON (Extra data)"),
        (b"\xff\xfe{\x00", "is UTF-16"),
    ],
)
def test_broken_json_is_refused(data: bytes, reason: str) -> None:
    assert refusal(data).reason.startswith(reason)
    if b"}\n{" not in data:
        assert refusal(data, by_line=True).reason.startswith(reason)


def test_json_that_unpacks_to_too_much_is_refused() -> None:
    many = json.dumps(changed(rows=[[]] * 1000)).encode()
    assert refusal(many, limits=Limits(total_bytes=50_000)).reason.startswith("unpacks to more")


def test_lines() -> None:
    head = changed()
    lines = [head, *head.pop("rows")]
    data = "\n".join(map(json.dumps, lines)).encode()
    assert cells(read_dataset_ndjson(data + b"\r\n\n", Limits())) == [["S-1", "S-2"], ["63", None]]
    cut = refusal(data[: data.rindex(b"\n")], by_line=True)
    assert cut.reason.startswith("promises 2 records and holds 1")
    broken = refusal(data[:-3], by_line=True)
    assert (broken.line, broken.reason[:18]) == (3, "is not whole JSON ")
    short = refusal(data.replace(b'["S-1", 63.0]', b'["S-1"]'), by_line=True)
    assert (short.line, short.reason[:23]) == (2, "has 1 values in data ro")

"""What a snapshot says about itself."""

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snapshots import ControlTotal, Manifest, StoreError, TableFacts
from snapshots.manifest import FORMAT, parse_manifest

DIGEST = "0" * 64


def manifest(**changes: object) -> Manifest:
    plain: dict[str, object] = {
        "format": FORMAT,
        "trial": "invented",
        "snapshot": "2023-09-30.1",
        "cutoff": date(2023, 9, 30),
        "loaded_at": datetime(2023, 10, 2, 8, 30, tzinfo=UTC),
        "simulated": False,
        "versions": {"program": "1", "duckdb": "1.5.5"},
        "tables": {"participant": TableFacts(rows=3, digest=DIGEST)},
        "digest": DIGEST,
        "control_totals": (ControlTotal(relation="participant", rows=3),),
        "findings": {"major": 2},
        "board_key_fingerprint": "6668",
        "wrapped_key": "6668:box",
        "wrapped_labels": "6668:box",
    }
    return Manifest.model_validate(plain | changes)


@given(
    versions=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4),
    rows=st.integers(0, 10**12),
    moment=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))])),
)
def test_a_manifest_reads_back(versions: dict[str, str], rows: int, moment: datetime) -> None:
    tables = {"participant": TableFacts(rows=rows, digest=DIGEST)}
    try:
        moment.astimezone(UTC)
    except OverflowError:  # before the year 1
        return
    written = manifest(versions=versions, tables=tables, loaded_at=moment)
    assert parse_manifest(written.to_json(), "here") == written


def test_equal_manifests_have_equal_bytes() -> None:
    one = manifest(versions={"a": "1", "b": "2"}, findings={"note": 1, "major": 2})
    two = manifest(versions={"b": "2", "a": "1"}, findings={"major": 2, "note": 1})
    assert one.to_json() == two.to_json()
    assert one.to_json().endswith(b"}\n")


def test_times_are_stored_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    written = manifest(loaded_at=datetime(2023, 10, 2, 16, 30, tzinfo=shanghai)).to_json()
    assert json.loads(written)["loaded_at"] == "2023-10-02T08:30:00Z"
    with pytest.raises(ValidationError):
        manifest(loaded_at=datetime(2023, 10, 2, 16, 30))


def test_a_manifest_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        manifest().trial = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "changes",
    [
        {"tables": {"participant": {"rows": -1, "digest": DIGEST}}},
        {"tables": {"participant": {"rows": 1, "digest": "abc"}}},
        {"digest": DIGEST.upper()[:-1] + "G"},
        {"findings": {"terrible": 1}},
        {"sealed_rows": 12},
    ],
)
def test_what_does_not_belong_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        manifest(**changes)


@pytest.mark.parametrize("earlier", [2, 3, 4, 5])
def test_an_earlier_format_is_read_so_that_a_load_can_follow(earlier: int) -> None:
    assert parse_manifest(manifest(format=earlier).to_json(), "here").format == earlier


@pytest.mark.parametrize("found", [0, 1, FORMAT + 1, 99])
def test_another_format_asks_for_the_extract(found: int) -> None:
    said = rf"has format {found}.*reads format 2 or 3 or 4 or 5 or {FORMAT}.*extract again"
    with pytest.raises(StoreError, match=said):
        parse_manifest(manifest(format=found).to_json(), "here")
    # It is said even when nothing else of that format is known.
    with pytest.raises(StoreError, match=f"has format {found}"):
        parse_manifest(json.dumps({"format": found}).encode(), "here")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1]", "states no format"),
        (b'{"format": "1"}', "states no format"),
        (b'{"format": true}', "states no format"),
        (json.dumps({"format": FORMAT}).encode(), "field trial: Field required"),
    ],
)
def test_what_is_no_manifest_is_explained(content: bytes, words: str) -> None:
    with pytest.raises(StoreError, match=words) as refusal:
        parse_manifest(content, "/store/x/manifest.json")
    assert "/store/x/manifest.json" in str(refusal.value)


def test_a_message_names_the_field_and_quotes_no_value() -> None:
    plain = json.loads(manifest().to_json())
    plain["tables"]["participant"]["rows"] = "SecretValue"
    with pytest.raises(StoreError, match=r"field tables\.participant\.rows") as refusal:
        parse_manifest(json.dumps(plain).encode(), "here")
    assert "SecretValue" not in str(refusal.value)

"""The record of comparative looks: a line before the look, or no look."""

import json
import multiprocessing
import resource
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from access import (
    Action,
    AuditError,
    Grant,
    Identity,
    Role,
    View,
    decide,
    record,
)


def granted() -> Grant:
    grant = decide(
        Identity("provider", "4711", "Ada", Role.BOARD),
        Action.OPEN_VIEW,
        trial="nct05689008",
        snapshot="2023-06-30.1",
        view=View.CODED,
    )
    assert grant is not None
    return grant


def test_an_act_is_one_line_with_who_what_and_why(tmp_path: Path) -> None:
    log = tmp_path / "new" / "audit.log"
    before = datetime.now(UTC).replace(microsecond=0)
    record(log, "exhibit allocation shown", granted(), "closed session 3")
    (line,) = log.read_text("utf-8").splitlines()
    entry = json.loads(line)
    assert before <= datetime.fromisoformat(entry.pop("at")) <= datetime.now(UTC)
    assert entry == {
        "act": "exhibit allocation shown",
        "holder": "provider/4711",
        "role": "board",
        "trial": "nct05689008",
        "snapshot": "2023-06-30.1",
        "view": "coded",
        "reason": "closed session 3",
    }
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


@example(reasons=["closed\n{session}", "as typed: \udc80"])
@given(reasons=st.lists(st.text(st.characters(exclude_categories=())), max_size=5))
def test_whatever_the_reason_an_act_is_one_line(
    reasons: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Line breaks and text that is not valid Unicode neither forge a line nor lose one."""
    log = tmp_path_factory.mktemp("log") / "audit.log"
    for reason in reasons:
        record(log, "shown", granted(), reason)
    written = log.read_bytes().decode("utf-8").split("\n")[:-1] if reasons else []
    assert [json.loads(line)["reason"] for line in written] == reasons


def test_acts_are_appended(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    record(log, "first", granted())
    earlier = log.read_bytes()
    record(log, "second", granted())
    assert log.read_bytes().startswith(earlier)
    assert [json.loads(line)["act"] for line in log.read_text().splitlines()] == ["first", "second"]


def test_a_log_that_cannot_be_made_stops_the_act(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for log in (tmp_path / "file" / "audit.log", tmp_path):
        with pytest.raises(AuditError, match=r"cannot be written .* so the view is not opened"):
            record(log, "shown", granted())
    assert (tmp_path / "file").read_text() == "in the way"


def _record_on_a_full_disk(log: Path, room: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        record(log, "shown", granted(), "closed session")
    except AuditError:
        raise SystemExit(7) from None


@pytest.mark.parametrize("room", [0, 20])
def test_a_full_disk_stops_the_act(tmp_path: Path, room: int) -> None:
    """Also where the line begins to fit: half a record is none."""
    process = multiprocessing.get_context("spawn").Process(
        target=_record_on_a_full_disk, args=(tmp_path / "audit.log", room)
    )
    process.start()
    process.join()
    assert process.exitcode == 7

"""Sealed records in a pooled view: for the unblinded data manager, and nothing by arm."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from access import Action, Denied, Grant, Role, View, decide
from access.identity import Identity
from queries import Board, BoardError, open_board
from tests.conftest import limited_board
from tests.queries.conftest import Loaded


def granted_to(role: Role, loaded: Loaded) -> Grant:
    grant = decide(
        Identity("provider", "4711", "Somebody", role),
        Action.OPEN_VIEW,
        trial=loaded.trial.id,
        snapshot=str(loaded.snapshot.id),
    )
    assert grant is not None
    return grant


@pytest.fixture
def manager(simulated: Loaded) -> Iterator[Board]:
    """A data manager who is blinded."""
    board = open_board(
        simulated.trial, simulated.snapshot, granted_to(Role.DATA_MANAGER, simulated)
    )
    yield board
    board.close()


@pytest.fixture
def unblinded(simulated: Loaded) -> Iterator[Board]:
    """The unblinded data manager."""
    board = open_board(
        simulated.trial,
        simulated.snapshot,
        granted_to(Role.UNBLINDED_DATA_MANAGER, simulated),
        simulated.private_key,
    )
    yield board
    board.close()


def test_nothing_is_by_arm(unblinded: Board) -> None:
    assert unblinded.arms == ("All participants",)
    assert unblinded.view is View.POOLED
    assert set(unblinded.ask("arm_balance/allocation")["arm"]) == {"All participants"}


def test_sealed_findings_are_there_beside_the_open_ones(manager: Board, unblinded: Board) -> None:
    filters = ("severities", "statuses", "domains", "sites", "checks")
    asked: dict[str, Any] = {name: [] for name in filters} | {
        "participant": "",
        "most": None,
        "audience": "site",
    }
    opened, whole = (board.ask("findings/listing", **asked) for board in (manager, unblinded))
    assert not opened["sealed"].any()
    assert whole.filter("sealed").height > 0
    assert whole.filter(~whole["sealed"])["finding"].equals(opened["finding"])
    assert opened["row"].is_null().all()
    assert whole.filter("sealed", whole["record_key"].is_not_null())["row"].is_not_null().all()


def test_a_record_has_what_its_view_has(manager: Board, unblinded: Board) -> None:
    cursor = manager._connection.cursor()
    ((record_key,),) = cursor.execute("select min(record_key) from participant").fetchall()
    opened, whole = (board.record("participant", record_key) for board in (manager, unblinded))
    assert opened is not None
    assert whole is not None
    assert "planned_arm_code" not in opened
    assert "planned_arm_code" in whole
    assert {name: whole[name] for name in opened} == opened
    assert manager.record("participant", record_key + "' or true --") is None
    assert manager.record("exposure", record_key) is None
    assert manager.record("finding; drop view finding", record_key) is None


def test_a_blinded_connection_does_not_know_the_sealed_database(manager: Board) -> None:
    with pytest.raises(duckdb.Error):
        manager._connection.cursor().execute("from sealed_data.sealed_finding")


def test_a_limited_role_has_no_single_record(simulated: Loaded) -> None:
    board = limited_board(simulated.trial, simulated.snapshot)
    with pytest.raises(Denied, match="rows of participants"):
        board.record("participant", "DM-1")


def test_without_the_private_key_there_are_no_sealed_records(simulated: Loaded) -> None:
    grant = granted_to(Role.UNBLINDED_DATA_MANAGER, simulated)
    with pytest.raises(BoardError, match="Sealed data needs the board's private key"):
        open_board(simulated.trial, simulated.snapshot, grant)


@pytest.mark.parametrize("view", [View.CODED, View.UNBLINDED])
def test_the_role_has_no_comparative_view(simulated: Loaded, view: View) -> None:
    with pytest.raises(Denied, match="role does not include"):
        decide(
            Identity("provider", "4711", "Somebody", Role.UNBLINDED_DATA_MANAGER),
            Action.OPEN_VIEW,
            trial=simulated.trial.id,
            snapshot=str(simulated.snapshot.id),
            view=view,
        )

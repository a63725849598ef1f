"""The page that answers who saw what, when and why: for who may read it, verified on request."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from access import Identity, Role
from access.audit_key import new_audit_key
from access.entries import Actor
from access.session import Session
from access.trail import Trail, open_trail
from display.state import WINDOW_KEY, Window
from tests.conftest import FORMULA, HOSTILE
from tests.pages.conftest import ROOT

PAGE = str(ROOT / "pages" / "governance" / "audit.py")
ADA = Actor("provider", "4711", "Ada", "board")
SAM = Actor("provider", "4712", HOSTILE, "sponsor")
READER = Identity("provider", "4713", "Ann Auditor", Role.AUDITOR)


@pytest.fixture
def trail(tmp_path: Path) -> Trail:
    """An empty trail."""
    new_audit_key(tmp_path / "audit.key")
    return open_trail(f"sqlite:///{tmp_path}/records.db", tmp_path / "audit.key", new=True)


@pytest.fixture
def filled(trail: Trail) -> Trail:
    """Two views, one refused, and a load."""
    trail.write("view opened", ADA, trial="one", view="coded", reason="minutes of 5 June")
    trail.write("view opened", SAM, outcome="refused", trial="two", reason=FORMULA)
    with trail.recorded("load", ADA, trial="one"):
        pass
    return trail


@pytest.fixture
def tampered(tmp_path: Path) -> Callable[[str], None]:
    """Change the database past the product."""

    def change(statement: str) -> None:
        with closing(sqlite3.connect(tmp_path / "records.db", isolation_level=None)) as connection:
            for trigger in ("audit_trail_keeps_rows", "audit_trail_loses_no_row"):
                connection.execute(f"drop trigger {trigger}")
            connection.execute(statement)

    return change


def page(trail: Trail | None, reader: Identity = READER) -> AppTest:
    app = AppTest.from_file(PAGE, default_timeout=60)
    if trail is not None:
        app.session_state[WINDOW_KEY] = Window(session=Session(reader), trail=trail)
    app.run()
    assert not app.exception
    return app


def said(elements: object) -> list[str]:
    """Text letter by letter."""
    return [
        str(element.value).replace("\\", "").replace("\u2060", "")
        for element in elements  # type: ignore[attr-defined]
    ]


def numbers(app: AppTest, table: int = -1) -> list[int]:
    """The rows of a table on the page."""
    return [int(row) for row in list(app.dataframe)[table].value["sequence"]]


def test_without_a_trail_nothing_is_shown() -> None:
    app = page(None)
    assert said(app.error) == ["Nothing to show: please sign in at the start page."]
    assert not app.dataframe


def test_an_empty_trail_says_so_and_can_be_held_against_a_checkpoint(
    filled: Trail, trail: Trail, tampered: Callable[[str], None]
) -> None:
    """A trail of which everything was deleted is empty, too."""
    kept = filled.checkpoint()
    tampered("delete from audit_trail")
    app = page(trail)
    assert said(app.info)[0].startswith("Nothing has been recorded yet.")
    assert not app.dataframe
    app.text_area(key="audit-checkpoint").set_value(kept)
    app.button(key="audit-verify").click().run()
    assert "had 4 when the checkpoint was made: its end was cut off." in said(app.error)[0]


def test_the_page_says_how_much_there_is_since_when(filled: Trail) -> None:
    app = page(filled)
    since = str(filled.extent()[1])
    assert f"4 rows since {since[:10]} {since[11:19]} (UTC)." in said(app.markdown)
    assert numbers(app) == [4, 3, 2, 1]
    shown = app.dataframe[0].value
    assert shown["name"][2] == HOSTILE
    assert shown["holder"][3] == "provider/4711"
    assert not app.warning


def test_the_verdict_on_a_whole_trail(filled: Trail) -> None:
    app = page(filled)
    app.button(key="audit-verify").click().run()
    assert said(app.success) == ["The audit trail is whole: 4 rows verified."]
    app.text_area(key="audit-checkpoint").set_value(filled.checkpoint())
    app.button(key="audit-verify").click().run()
    assert said(app.success)[0].endswith("verified, and agrees with the checkpoint.")


def test_the_verdict_on_a_broken_trail(filled: Trail, tampered: Callable[[str], None]) -> None:
    tampered("update audit_trail set reason = x'ff' where sequence = 2")
    app = page(filled)
    app.button(key="audit-verify").click().run()
    (sentence,) = said(app.error)
    assert sentence.startswith("The audit trail is broken. Row 2 was changed")
    assert not app.success
    assert numbers(app) == [4, 3, 2, 1]


def test_a_checkpoint_can_be_uploaded(filled: Trail, tampered: Callable[[str], None]) -> None:
    kept = filled.checkpoint()
    tampered("delete from audit_trail where sequence = 4")
    app = page(filled)
    app.button(key="audit-verify").click().run()
    assert app.success
    app.file_uploader(key="audit-checkpoint-file").set_value(
        ("checkpoint.json", kept.encode(), "application/json")
    )
    app.button(key="audit-verify").click().run()
    assert "its end was cut off" in said(app.error)[0]


def test_acts_without_an_outcome_come_first(filled: Trail) -> None:
    filled.write("load", ADA, outcome="intended", trial="one")
    app = page(filled)
    assert "1 act without an outcome: still under way, or cut short." in said(app.warning)[0]
    assert numbers(app, 0) == [5]
    assert numbers(app) == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("audit-act", ["view opened"], [2, 1]),
        ("audit-person", ["provider/4712"], [2]),
        ("audit-role", ["board"], [4, 3, 1]),
        ("audit-trial", ["one"], [4, 3, 1]),
        ("audit-outcome", ["intended", "refused"], [3, 2]),
    ],
)
def test_a_filter(filled: Trail, key: str, value: list[str], expected: list[int]) -> None:
    app = page(filled)
    app.multiselect(key=key).set_value(value).run()
    assert numbers(app) == expected
    assert f"{len(expected)} row" in said(app.caption)[-1]


def test_text_in_the_reason_and_days(filled: Trail) -> None:
    app = page(filled)
    app.text_input(key="audit-reason").set_value("5 june").run()
    assert numbers(app) == [1]
    app.text_input(key="audit-reason").set_value("nobody wrote this").run()
    assert said(app.info) == ["No row is left by these filters."]
    app.text_input(key="audit-reason").set_value("").run()
    (days,) = app.date_input
    today = str(filled.extent()[1])[:10]
    first = date.fromisoformat(today)
    days.set_value((first - timedelta(days=9), first - timedelta(days=2))).run()
    assert not app.exception
    assert said(app.info) == ["No row is left by these filters."]
    days.set_value((first, first)).run()
    assert len(numbers(app)) == 4


def test_many_rows_are_paged(trail: Trail) -> None:
    for number in range(205):
        trail.write("view opened" if number else "signed in", ADA)
    app = page(trail)
    assert numbers(app)[0] == 205
    assert len(numbers(app)) == 200
    app.number_input(key="audit-page").set_value(2).run()
    assert numbers(app) == [5, 4, 3, 2, 1]
    # Fewer pages than the one that was looked at.
    app.multiselect(key="audit-act").set_value(["signed in"]).run()
    assert not app.exception
    assert numbers(app) == [1]


def downloads(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], bytes]]:
    """What each download button gives, by its key."""
    import streamlit as st

    found: dict[str, Callable[[], bytes]] = {}

    def button(_label: str, *, data: Callable[[], bytes], key: str, **_more: object) -> bool:
        found[key] = data
        return False

    monkeypatch.setattr(st, "download_button", button)
    app.run()
    assert not app.exception
    return found


def test_a_download_is_what_the_filters_leave_and_is_recorded(
    filled: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page(filled)
    app.multiselect(key="audit-act").set_value(["view opened"])
    given = downloads(app, monkeypatch)
    assert filled.count() == 4, "nothing is recorded before somebody asks"
    lines = given["audit-csv"]().decode("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines] == ["sequence", "2", "1"]
    assert f"'{FORMULA}" in lines[1]
    last = filled.select(limit=1)[0]
    assert (last.act, last.resource, last.name) == ("download", "audit trail", "Ann Auditor")
    assert json.loads(last.reason) == {"acts": ["view opened"]}
    rows = json.loads(given["audit-json"]())
    assert [row["reason"] for row in rows] == [FORMULA, "minutes of 5 June"]
    assert filled.count() == 6
    kept = given["audit-make-checkpoint"]().decode()
    assert filled.verify(kept).problem is None


def test_a_download_that_cannot_be_recorded_is_not_given(
    filled: Trail, monkeypatch: pytest.MonkeyPatch, tampered: Callable[[str], None]
) -> None:
    given = downloads(page(filled), monkeypatch)
    tampered("update audit_trail set reason = 'x' where sequence = 4")
    with pytest.raises(Exception, match="this is not done"):
        given["audit-csv"]()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
def test_nobody_but_an_auditor_reads_the_trail(filled: Trail, role: Role) -> None:
    """Not even with the page's file run by itself and the trail at hand."""
    app = AppTest.from_file(PAGE, default_timeout=60)
    session = Session(replace(READER, role=role))
    app.session_state[WINDOW_KEY] = Window(session=session, trail=filled)
    app.run()
    assert app.exception
    assert not app.dataframe
    assert "minutes of 5 June" not in str(app.main)

"""Somebody without any record since randomization stands in no time at risk, whatever is asked."""

from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from access.view import View
from queries import Board
from queries.filters import Filters
from tests.conftest import KeyPair, board_of, load_frames
from trials import load_trial

CUTOFF = date(2023, 6, 30)
# Seen on day 21; nothing is known of the second.
PEOPLE = ("S-1", "S-2")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Iterator[Board]:
    frames = {
        "dm": pl.DataFrame(
            {
                "STUDYID": "NCT05689008",
                "USUBJID": PEOPLE,
                "SITEID": "01",
                "AGE": "61",
                "AGEU": "YEARS",
                "SEX": "F",
                "RFICDTC": "2023-01-01",
                "DTHFL": None,
                "DTHDTC": None,
            },
            schema_overrides={"DTHFL": pl.String, "DTHDTC": pl.String},
        ),
        "randomization": pl.DataFrame(
            {"USUBJID": PEOPLE, "ARMCD": ["UCMSC", "CONTROL"], "RANDDTC": "2023-01-01"}
        ),
        "sv": pl.DataFrame(
            {
                "USUBJID": ["S-1", "S-1"],
                "VISIT": ["BASELINE", "DAY 21"],
                "SVSTDTC": ["2023-01-01", "2023-01-21"],
            }
        ),
        "ae": pl.DataFrame(
            {"USUBJID": ["S-1"], "AEDECOD": ["Headache"], "AESTDTC": ["2023-01-05"], "AESER": ["N"]}
        ),
    }
    folder = tmp_path_factory.mktemp("not-followed")
    loaded = load_frames(frames, load_trial("nct05689008"), key_pair, folder, CUTOFF)
    opened = board_of(loaded, View.UNBLINDED)
    yield opened
    opened.close()


@pytest.mark.parametrize("last_day", [None, 28], ids=["all days", "to day 28"])
def test_days_are_those_of_who_was_seen(board: Board, last_day: int | None) -> None:
    board.choose(Filters(last_day=last_day))
    days = dict(board.ask("safety/people").select("arm", "observed_days").rows())
    assert days == {"Control": 0, "UC-MSC": 21}
    ends = board.ask("special_interest/first_events").filter(pl.col("group") == "allergic")
    assert dict(ends.select("arm", "day").rows()) == {"Control": None, "UC-MSC": 21}
    assert ends.filter(arm="Control")["why_not"].to_list() == ["no record since randomization"]
    board.choose(Filters())


def test_no_rule_takes_them_for_free_of_events(board: Board) -> None:
    rule = board.trial.stopping_rules[0]
    windows = board.ask("monitoring/windows", group=rule.group, window_days=14, after_dose=False)
    closed = dict(windows.select("arm", "closed").rows())
    left = dict(windows.select("arm", "left_early").rows())
    assert (closed, left) == ({"Control": 0, "UC-MSC": 1}, {"Control": 1, "UC-MSC": 0})

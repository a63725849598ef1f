"""What the demonstration does not reach: rules of survival, one person each; and too few."""

from collections import Counter
from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl
import pytest

from access import View
from exhibits import Exhibit, make
from exhibits.survival.status import _died_percent
from queries import Board
from queries.filters import Filters
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from tests.exhibits.conftest import BoardByName, LoadedByName
from trials import load_trial


def table(shown: Exhibit) -> pl.DataFrame:
    assert shown.missing == ""
    assert shown.table is not None
    return shown.table


def test_a_warning_where_too_few_are_known(board: BoardByName, loaded: LoadedByName) -> None:
    """The pilot's week 26: 58, 25 and 27 completed, and 2, 1 and 0 had died."""
    opened = board("three arms", View.UNBLINDED)
    for name in ("survival_curve", "vital_status"):
        answer = make(name, opened).answer
        assert (
            "Warning: vital status on day 182 is known for only 59 of 85 past it in Placebo, 26 of "
            "84 past it in Xanomeline Low Dose, 27 of 84 past it in Xanomeline High Dose (below "
            "90 %)." in answer
        )
    rows = table(make("vital_status", opened)).filter(pl.col("asked_day") == 182)
    ended = loaded("three arms").dataset("ds").filter(pl.col("DSDECOD") == "COMPLETED")
    arms = loaded("three arms").dataset("dm").select("USUBJID", "ARM")
    completed = dict(ended.join(arms, on="USUBJID").group_by("ARM").len().rows())
    assert dict(rows.select("arm", "alive").rows()) == completed
    assert dict(rows.select("arm", "died").rows()) == dict(zip(opened.arms, (2, 1, 0), strict=True))


def test_under_the_least_number_there_are_counts_only(loaded: LoadedByName) -> None:
    """Seven in the only arm, and estimates from eight on."""
    one_arm = loaded("one arm")
    groups = one_arm.trial.subgroups.model_copy(update={"minimum_per_arm": 8})
    board = board_of(one_arm, View.UNBLINDED)
    board.trial = one_arm.trial.model_copy(update={"subgroups": groups})
    for name in ("mortality", "survival_curve", "discharge"):
        shown = make(name, board)
        assert shown.figure is None
        assert any("counts and no estimate" in note for note in shown.footnotes), name
        shares = table(shown).select(pl.selectors.contains("percent", "low", "high"))
        assert shares.drop("known_percent", strict=False).null_count().row(0) == (
            (table(shown).height,) * shares.drop("known_percent", strict=False).width
        )
    assert table(make("mortality", board))["participants"].to_list() == [1, 2]
    board.close()


def test_filters_that_leave_nobody_are_named(loaded: LoadedByName) -> None:
    board = board_of(loaded("two arms"), View.POOLED)
    board.choose(Filters(sexes=("nobody",)))
    for name in ("mortality", "survival_curve", "discharge", "vital_status", "deaths"):
        assert "leave nobody" in make(name, board).missing
    board.close()


def test_the_listing_has_the_recorded_cause_unblinded_only(
    board: BoardByName, demonstration_store: LoadedTrial
) -> None:
    recorded = dict(demonstration_store.dataset("dd").select("USUBJID", "DDSTRESC").rows())
    shown = make("deaths", board("two arms", View.UNBLINDED))
    assert dict(table(shown).select("subject", "cause").rows()) == recorded
    for view in (View.POOLED, View.CODED):
        other = make("deaths", board("two arms", view))
        assert "cause" not in table(other).columns
        assert any("shown unblinded only" in note for note in other.footnotes)
        assert set(table(other)["subject"]) == set(recorded)
    pilot = make("deaths", board("three arms", View.UNBLINDED))
    assert any("no death details (DD)" in note for note in pilot.footnotes)


# Rules that the demonstration does not reach, one person each

HAND_CUTOFF = date(2023, 2, 15)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Iterator[Board]:
    """Day 28 is 28 January for most, its window from the 25th to the 31st; see `EXPECTED`."""
    deaths = {2: "2023-01-08", 3: "2023-01-20", 4: "2023-02", 11: "2023-02-12", 13: "2023-01-03"}
    late = {11: "2023-02-10", 12: "2023-02-10"}

    def subject(number: int) -> str:
        return f"NCT05689008-01-{number:03}"

    dm = [
        {
            "STUDYID": "NCT05689008",
            "DOMAIN": "DM",
            "USUBJID": subject(number),
            "SUBJID": f"{number:03}",
            "SITEID": "01",
            "RFICDTC": "2023-01-01",
            "DMDTC": "2023-01-01",
            "AGE": "61",
            "AGEU": "YEARS",
            "SEX": "F",
            "DTHFL": "Y" if number in {*deaths, 5} else None,
            "DTHDTC": deaths.get(number),
        }
        for number in range(1, 15)
    ]
    ends = [
        (1, "COMPLETED", "2023-01-26"),
        (6, "LOST TO FOLLOW-UP", "2023-01-20"),
        (7, "WITHDRAWAL BY SUBJECT", "2023-01-05"),
        (14, "COMPLETED", "2023-01-28"),
    ]
    visits = [
        *((number, "BASELINE", "2023-01-01") for number in (*range(1, 9), 10, 14)),
        *((number, "BASELINE", "2023-02-10") for number in late),
        (1, "DAY 28", "2023-01-26"),
        (4, "DAY 21", "2023-01-21"),
        (5, "DAY 10", "2023-01-10"),
        (6, "DAY 14", "2023-01-13"),
        (8, "DAY 21", "2023-01-19"),
        (10, "DAY 7", "2023-01-09"),
        (12, "DAY 5", "2023-02-14"),
        (14, "DAY 28", "2023-01-28"),
    ]
    stays = [
        (1, "HOSPITAL", "2022-12-30", "2023-01-10"),
        (2, "HOSPITAL", "2022-12-30", "2023-01-08"),
        (3, "HOSPITAL", "2022-12-30", "2023-01-05"),
        (4, "HOSPITAL", "2022-12-30", None),
        (5, "HOSPITAL", "2022-12-30", None),
        (6, "HOSPITAL", "2022-12-31", "2023-01-04"),
        (6, "HOSPITAL", "2023-01-04", "2023-01-09"),
        (7, "ICU", "2022-12-31", "2023-01-03"),
        (8, "HOSPITAL", "2022-12-01", "2022-12-20"),
        (10, "HOSPITAL", "2022-12-30", "2023-01"),
        (11, "HOSPITAL", "2023-02-09", None),
        (12, "HOSPITAL", "2023-02-09", None),
        (14, "HOSPITAL", "2022-12-30", "2023-01-06"),
        (14, "ICU", "2022-12-30", "2023-01-02"),
        (14, "HOSPITAL", "2023-01-09", None),
    ]
    randomized = [number for number in range(1, 15) if number != 13]
    frames = {
        "dm": pl.DataFrame(dm, infer_schema_length=None),
        "ds": pl.DataFrame(
            [
                {
                    "USUBJID": subject(number),
                    "DSDECOD": term,
                    "DSCAT": "DISPOSITION EVENT",
                    "DSSTDTC": when,
                }
                for number, term, when in ends
            ]
        ),
        "sv": pl.DataFrame(
            [
                {"USUBJID": subject(number), "VISIT": visit, "SVSTDTC": when}
                for number, visit, when in visits
            ]
        ),
        "ss": pl.DataFrame(
            [
                {
                    "USUBJID": subject(7),
                    "SSTESTCD": "SURVSTAT",
                    "SSSTRESC": "ALIVE",
                    "SSDTC": "2023-02-01",
                }
            ]
        ),
        "ho": pl.DataFrame(
            [
                {
                    "USUBJID": subject(number),
                    "HOTERM": place,
                    "HODECOD": place,
                    "HOSTDTC": start,
                    "HOENDTC": end,
                }
                for number, place, start, end in stays
            ],
            infer_schema_length=None,
        ),
        "randomization": pl.DataFrame(
            {
                "USUBJID": [subject(number) for number in randomized],
                "ARMCD": ["UCMSC" if number % 2 else "CONTROL" for number in randomized],
                "RANDDTC": [
                    None if number == 9 else late.get(number, "2023-01-01") for number in randomized
                ],
            }
        ),
    }
    folder = tmp_path_factory.mktemp("by-hand")
    loaded = load_frames(frames, load_trial("nct05689008"), key_pair, folder, HAND_CUTOFF)
    opened = board_of(loaded, View.POOLED)
    yield opened
    opened.close()


# Number of the person: whether dead, and the day; None where it has no date of randomization.
EXPECTED = {
    1: (False, 28),  # completed on day 26, in the window of day 28
    2: (True, 8),
    3: (True, 20),  # after discharge, which ends nothing
    4: (True, 32),  # in February, and nobody says when
    5: (True, 10),  # nobody says when; last seen on day 10
    6: (False, 13),  # came to day 14 on day 13, but is lost
    7: (False, 32),  # withdrew on day 5, and is known to live in February
    8: (False, 21),  # came to day 21 on day 19
    9: (False, None),
    10: (False, 9),  # came to day 7 late, in the window of day 10, but never to that
    11: (True, 3),  # day 28 is not due
    12: (False, 5),
    14: (False, 28),
}


def test_until_when_people_are_observed(by_hand: Board) -> None:
    schedule = [visit.model_dump() for visit in by_hand.trial.schedule]
    rows = by_hand.ask("survival/observed", schedule=schedule)
    found = Counter(rows.select("is_dead", "day").rows())
    assert found == Counter(EXPECTED.values())
    assert rows.filter("is_earliest")["day"].to_list() == [10, 32]
    assert any(
        note.startswith("2 deaths not dated to the day")
        for note in make("survival_curve", by_hand).footnotes
    )


def test_deaths_by_hand(by_hand: Board) -> None:
    """Past day 28 ten: of these four died, three by day 28, and of three nothing is known then."""
    shown = make("mortality", by_hand)
    assert table(shown).select("group", "participants", "randomized", "not_known").rows() == [
        ("By day 28", 3, 10, 3),
        ("In all", 5, 13, None),
    ]
    assert any("1 participant without a date of randomization" in note for note in shown.footnotes)


def test_vital_status_by_hand(by_hand: Board) -> None:
    states = ("died", "alive", "not_known", "not_due", "undated")
    shown = make("vital_status", by_hand)
    rows = {row["asked_day"]: row for row in table(shown).to_dicts()}
    assert [rows[14][state] for state in states] == [3, 6, 2, 1, 1]
    assert [rows[28][state] for state in states] == [4, 4, 3, 1, 1]
    assert (rows[28]["known"], rows[28]["past"], rows[28]["known_past_percent"]) == (8, 10, 70.0)
    assert shown.answer.endswith(
        "Day 28: known for 8 of 13 (61.5 %), of those past it for 7 of 10. 3 participants are past "
        "day 28 with unknown status. For 1 last known alive it is still to come. Warning: vital "
        "status on day 28 is known for only 7 of 10 past it (below 90 %)."
    )


def test_discharge_by_hand(by_hand: Board) -> None:
    schedule = [visit.model_dump() for visit in by_hand.trial.schedule]
    rows = by_hand.ask("survival/hospital", schedule=schedule)
    assert sorted(rows.select("state", "day").rows(), key=str) == sorted(
        [
            ("discharged", 10),
            ("died", 8),  # on the day on which the stay ended
            ("discharged", 5),  # and died later
            ("died", 32),
            ("died", 10),
            ("discharged", 9),  # moved on day 4 from one stay to the next
            ("discharged", 3),  # intensive care alone is on record
            ("not_in_hospital", 21),  # the stay ended before
            ("undated", None),
            ("no_date", 9),
            ("died", 3),
            ("in_hospital", 5),
            ("discharged", 6),  # and came back
        ],
        key=str,
    )
    notes = " ".join(make("discharge", by_hand).footnotes)
    assert (
        "Not counted here: 1 without a stay on day 1 on record, 1 without a full date of "
        "discharge, 1 without a date of randomization." in notes
    )


def test_who_was_not_randomized_is_listed_and_marked(by_hand: Board) -> None:
    shown = make("deaths", by_hand)
    assert shown.answer == "5 of 13 (38.5 %) participants died. Not randomized: 1 death."
    listed = dict(table(shown).select("subject", "randomized").rows())
    assert {who: said for who, said in listed.items() if said == "no"} == {
        "NCT05689008-01-013": "no"
    }
    assert shown.row_lists == (0,) * 5 + (None,)
    assert len(by_hand.ask("people/who_died", arm=None)) == 5


def test_without_stays_discharge_is_not_known(board: BoardByName) -> None:
    shown = make("discharge", board("three arms", View.POOLED))
    assert "no stays in hospital (HO)" in shown.missing


@pytest.mark.parametrize(
    ("times", "died", "expected"),
    [
        # Beyond the last who is known of nothing is estimated, though most are known of.
        ([3, 4, 20], [True, True, False], (None, None, None)),
        ([28, 30, 40], [False] * 3, (0.0, 0.0, 70.8)),
        ([3, 4, 5], [True] * 3, (100.0, 29.2, 100.0)),
    ],
)
def test_a_share_of_nobody_or_everybody_has_exact_limits_and_an_unknown_one_is_none(
    times: list[int], died: list[bool], expected: tuple[float | None, ...]
) -> None:
    """Clopper and Pearson of 0 and 3 of 3: 1 less the cube root of 0.025."""
    assert _died_percent((np.array(times), np.array(died)), 28) == expected

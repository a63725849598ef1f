"""The Board: what each view reaches, whom it answers, and what it says when it cannot open."""

import base64
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import access.policy
import queries.board
import queries.connections
from access import Denied, View
from data_validation.domains import DOMAINS
from queries import Board, BoardError, Filters, open_board
from snapshots import (
    OPEN,
    SEALED,
    Snapshot,
    new_key_pair,
    quote_identifier,
    read_private_key,
    reader,
    store_frame,
    unwrap,
)
from tests.conftest import PROVE, clock_of, with_digests_of_its_files
from tests.queries.conftest import Loaded
from tests.snapshots.both_files import both_files
from trials import Liver, LiverContext

COMPARATIVE = [View.CODED, View.UNBLINDED]


@pytest.fixture
def opened(simulated: Loaded) -> Iterator[Callable[[View], Board]]:
    """Boards of the simulated trial that are closed after the test."""
    boards: list[Board] = []

    def open_one(view: View) -> Board:
        boards.append(simulated.board(view))
        return boards[-1]

    yield open_one
    for board in boards:
        board.close()


# What a view reaches


def test_pooled_has_one_arm(simulated: Loaded, pilot: Loaded) -> None:
    for loaded in (simulated, pilot):
        assert loaded.board(View.POOLED).arms == ("All participants",)


def test_coded_arms_are_letters_and_unblinded_ones_names(simulated: Loaded, pilot: Loaded) -> None:
    for loaded, letters in ((simulated, "AB"), (pilot, "ABC")):
        coded, unblinded = loaded.board(View.CODED), loaded.board(View.UNBLINDED)
        assert coded.arms == tuple(f"Arm {letter}" for letter in letters)
        assert unblinded.arms == tuple(arm.name for arm in loaded.trial.arms.list)
        coded.close()
        unblinded.close()


def test_every_view_counts_the_same_participants(simulated: Loaded, pilot: Loaded) -> None:
    """The same question, the same people; by arm they are as the extract allocates them."""
    for loaded, expected in ((simulated, [10, 10]), (pilot, [84, 86, 84])):
        counted = {}
        for view in View:
            board = loaded.board(view)
            counted[view] = sorted(board.ask("arm_balance/allocation")["randomized"])
            board.close()
        assert sum(counted[View.POOLED]) == sum(expected)
        assert counted[View.CODED] == counted[View.UNBLINDED] == sorted(expected)


@pytest.mark.parametrize(
    "name",
    ["participant", "exposure", "allocation", "allocation_list", "sealed_finding", "about"],
)
def test_a_sealed_name_fails_in_the_binder_of_a_pooled_board(simulated: Loaded, name: str) -> None:
    board = simulated.board(View.POOLED)
    with pytest.raises((duckdb.CatalogException, duckdb.BinderException)):
        board._connection.execute(f"explain select * from {SEALED}.{name}")
    coded = simulated.board(View.CODED)
    assert coded._connection.execute(f"select count(*) from {SEALED}.{name}").fetchone()
    coded.close()


def test_every_relation_can_be_asked_for_in_the_views_that_can_have_it(
    opened: Callable[[View], Board],
) -> None:
    """Plain views come from the store's catalog; the allocation list is known by its arms alone."""
    every = {domain.relation for domain in DOMAINS.values()} | {"blood_gas"}
    open_ones = {domain.relation for domain in DOMAINS.values() if domain.opens} | {"blood_gas"}
    for view in View:
        board = opened(view)
        shown = set(board._answer("views/relations", {})["relation"])
        allowed = every - {"allocation_list"} if board.has_sealed_records else open_ones
        assert shown & every == allowed
    assert {opened(view).has_sealed_records for view in View} == {False, True}


@pytest.mark.parametrize("name", ["exposure", "actual_arm", "allocation_list"])
def test_what_was_given_is_seen_unblinded_only(opened: Callable[[View], Board], name: str) -> None:
    for view in (View.POOLED, View.CODED):
        with pytest.raises(duckdb.CatalogException):
            opened(view)._connection.execute(f"select * from {name}")
    if name != "allocation_list":
        assert opened(View.UNBLINDED)._connection.execute(f"select * from {name}").fetchall()


def test_coded_relations_have_the_columns_and_rows_of_the_pooled_ones(
    opened: Callable[[View], Board],
) -> None:
    """A coded Board adds who is in which arm, and nothing else that is sealed."""
    pooled, coded = opened(View.POOLED), opened(View.CODED)
    for relation in ("participant", "adverse_event", "laboratory", "visit", "procedure"):
        of = [
            board._connection.execute(f"select * from {relation} order by record_key").pl()
            for board in (pooled, coded)
        ]
        if relation == "participant":
            of = [frame.drop("arm", "position") for frame in of]
        assert_frame_equal(*of)


def test_a_pooled_board_never_opens_the_key(
    simulated: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise AssertionError("a pooled Board asked for a key")

    for name in ("read_private_key", "unwrap"):
        monkeypatch.setattr(queries.board, name, fail)
    queries.connections.close_idle()
    board = simulated.board(View.POOLED)
    assert board.ask("enrollment/totals").item(0, "randomized") == 20
    with pytest.raises(AssertionError, match="asked for a key"):
        simulated.board(View.CODED)


def test_a_pooled_board_does_not_touch_the_sealed_file(simulated: Loaded, tmp_path: Path) -> None:
    folder = copy_of(simulated.snapshot, tmp_path)
    (folder / "sealed.duckdb").unlink()
    snapshot = replace(simulated.snapshot, folder=folder)
    board = open_board(simulated.trial, snapshot, simulated.grant(View.POOLED))
    assert board.ask("enrollment/totals").item(0, "randomized") == 20


@pytest.mark.parametrize("view", list(View))
def test_a_board_reaches_no_file_and_keeps_its_settings(
    opened: Callable[[View], Board], simulated: Loaded, view: View
) -> None:
    connection = opened(view)._connection
    for statement in (
        f"attach '{simulated.snapshot.sealed_path}' as more",
        f"select * from read_text('{simulated.private_key}')",
        f"copy (select 1) to '{simulated.snapshot.folder / 'out'}'",
        "set enable_external_access = true",
        "delete from open_data.participant",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(statement)


# Whom a Board answers


def test_an_expired_grant_is_refused_at_the_next_question(
    opened: Callable[[View], Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    boards = [opened(view) for view in View]
    for board in boards:
        board.ask("enrollment/totals")
    clock_of(monkeypatch, access.policy)(datetime.now(UTC) + timedelta(minutes=481))
    for board in boards:
        with pytest.raises(Denied, match="expired"):
            board.ask("enrollment/totals")
        with pytest.raises(Denied, match="expired"):
            board.has("DM")


@pytest.mark.parametrize("view", list(View))
def test_what_was_answered_is_kept_until_the_board_is_closed(
    opened: Callable[[View], Board], view: View
) -> None:
    board = opened(view)
    answer = board.ask("arm_balance/allocation")
    assert board.ask("arm_balance/allocation") is answer
    board.close()
    assert len(board._lease.answers) == 0
    with pytest.raises(BoardError, match="This view was left"):
        board.ask("arm_balance/allocation")


@pytest.mark.parametrize("view", list(View))
def test_only_what_was_answered_without_sealed_data_is_kept_for_others(
    opened: Callable[[View], Board], view: View
) -> None:
    """Of a comparative view each Board has answers of its own, though they share a connection."""
    board, other = opened(view), opened(view)
    assert board._connection is other._connection
    answer = board.ask("arm_balance/allocation")
    assert (other.ask("arm_balance/allocation") is answer) == (view is View.POOLED)
    board.close()
    assert other.ask("arm_balance/allocation").equals(answer)


@pytest.mark.parametrize("view", list(View))
def test_what_was_worked_out_is_kept_under_its_filters_until_the_board_is_closed(
    opened: Callable[[View], Board], view: View
) -> None:
    board = opened(view)
    done: list[str] = []

    def once(what: str) -> int:
        def work() -> int:
            done.append(what)
            return len(done)

        return board.once(what, work)

    assert [once("one"), once("other"), once("one")] == [1, 2, 1]
    board.choose(Filters())
    assert once("one") == 1
    board.choose(Filters(sexes=("F",)))
    assert once("one") == 3
    board.close()
    assert board._worked_out == {}


def test_of_what_was_worked_out_the_last_few_that_are_small_are_kept(
    opened: Callable[[View], Board],
) -> None:
    board = opened(View.POOLED)
    board.once("large", lambda: 10, keep=lambda found: found < 10)
    assert board.once("large", lambda: 11, keep=lambda found: found < 10) == 11
    for number in range(queries.board._WORK_KEPT + 1):
        assert board.once(number, partial(int, number)) == number
    assert list(board._worked_out) == list(range(1, queries.board._WORK_KEPT + 1))


def test_what_was_worked_out_ends_with_the_right_to_it(simulated: Loaded) -> None:
    board = simulated.board(View.UNBLINDED)
    board.once("one", lambda: 1)
    board.grant = simulated.grant(View.UNBLINDED, minutes=-1)
    with pytest.raises(Denied, match="expired"):
        board.once("one", lambda: 1)
    assert board._worked_out == {}


@pytest.mark.parametrize("view", list(View))
def test_an_expired_grant_opens_nothing(simulated: Loaded, view: View) -> None:
    grant = simulated.grant(view, minutes=0)
    with pytest.raises(Denied, match="expired"):
        open_board(simulated.trial, simulated.snapshot, grant, simulated.private_key)


@pytest.mark.parametrize("view", list(View))
def test_a_grant_for_another_snapshot_opens_nothing(
    simulated: Loaded, pilot: Loaded, view: View
) -> None:
    with pytest.raises(Denied, match="another trial, snapshot or view"):
        open_board(simulated.trial, simulated.snapshot, pilot.grant(view), simulated.private_key)


def test_a_board_does_not_take_another_boards_grant(opened: Callable[[View], Board]) -> None:
    """A grant that is put in place of the one a Board was opened with gives nothing."""
    pooled, unblinded = opened(View.POOLED), opened(View.UNBLINDED)
    unblinded.grant = pooled.grant
    with pytest.raises(Denied, match="another trial, snapshot or view"):
        unblinded.ask("enrollment/totals")


# What cannot be opened


def copy_of(snapshot: Snapshot, folder: Path) -> Path:
    """A copy of a snapshot's folder that can be written to."""
    place = folder / str(snapshot.id)
    shutil.copytree(snapshot.folder, place)
    for file in place.iterdir():
        file.chmod(0o600)
    return place


def refusal(loaded: Loaded, private_key: Path | None, snapshot: Snapshot | None = None) -> str:
    """What opening says, the same in both comparative views; it holds no byte of the key."""
    said = set()
    for view in COMPARATIVE:
        with pytest.raises(BoardError) as refused:
            open_board(loaded.trial, snapshot or loaded.snapshot, loaded.grant(view), private_key)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__
        said.add(str(refused.value))
    (sentence,) = said
    secret = read_private_key(loaded.private_key)
    assert base64.b64encode(bytes(secret)).decode() not in sentence
    assert bytes(secret).hex() not in sentence
    assert "\n" not in sentence
    return sentence


def test_without_a_key(simulated: Loaded) -> None:
    assert "set DSMB_BOARD_PRIVATE_KEY_FILE" in refusal(simulated, None)


def test_with_a_key_that_is_not_there(simulated: Loaded, tmp_path: Path) -> None:
    assert "does not exist" in refusal(simulated, tmp_path / "no.key")


def test_with_the_key_of_another_board(simulated: Loaded, tmp_path: Path) -> None:
    _, other = new_key_pair(tmp_path / "other")
    sentence = refusal(simulated, other)
    assert "sealed to another key" in sentence
    assert simulated.snapshot.manifest.board_key_fingerprint in sentence


def test_with_the_public_key(simulated: Loaded, tmp_path: Path) -> None:
    public = tmp_path / "board.key"
    shutil.copy(simulated.private_key.with_name("board_public.key"), public)
    public.chmod(0o600)
    assert "is the public key of a pair; the private key is needed" in refusal(simulated, public)


def test_with_a_key_that_is_cut_short(simulated: Loaded, tmp_path: Path) -> None:
    header, key = simulated.private_key.read_text().splitlines()
    path = tmp_path / "short.key"
    path.write_text(f"{header}\n{key[:20]}\n")
    path.chmod(0o600)
    sentence = refusal(simulated, path)
    assert "is not a board key" in sentence
    assert key[:20] not in sentence


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_with_a_key_that_others_may_read(simulated: Loaded, tmp_path: Path, mode: int) -> None:
    path = tmp_path / "board_private.key"
    shutil.copy(simulated.private_key, path)
    path.chmod(mode)
    assert f"chmod 600 {path}" in refusal(simulated, path)


def test_with_the_sealed_file_of_another_snapshot(
    simulated: Loaded, pilot: Loaded, tmp_path: Path
) -> None:
    folder = copy_of(simulated.snapshot, tmp_path)
    shutil.copy(pilot.snapshot.sealed_path, folder / "sealed.duckdb")
    snapshot = with_digests_of_its_files(replace(simulated.snapshot, folder=folder))
    sentence = refusal(simulated, simulated.private_key, snapshot)
    assert "does not open with this key" in sentence


def test_with_the_wrapped_key_of_another_snapshot(simulated: Loaded, pilot: Loaded) -> None:
    """Both are sealed to the same board, so only what is inside tells them apart."""
    manifest = simulated.snapshot.manifest.model_copy(
        update={"wrapped_key": pilot.snapshot.manifest.wrapped_key}
    )
    snapshot = replace(simulated.snapshot, manifest=manifest)
    sentence = refusal(simulated, simulated.private_key, snapshot)
    assert f"is of snapshot {pilot.snapshot.id}, not of {simulated.snapshot.id}" in sentence


@pytest.mark.parametrize("view", list(View))
def test_a_snapshot_with_fewer_relations_is_not_shown(simulated: Loaded, view: View) -> None:
    older = replace(
        simulated.snapshot,
        manifest=simulated.snapshot.manifest.model_copy(update={"format": 2}),
    )
    with pytest.raises(BoardError, match=r"earlier version .* Load its extract again"):
        open_board(simulated.trial, older, simulated.grant(view), simulated.private_key)


def test_with_a_manifest_of_other_contents(simulated: Loaded) -> None:
    for changed, words in (
        ({"digest": "0" * 64}, "belongs to another snapshot"),
        ({"files": {}}, "is damaged, or was changed"),
    ):
        manifest = simulated.snapshot.manifest.model_copy(update=changed)
        snapshot = replace(simulated.snapshot, manifest=manifest)
        assert words in refusal(simulated, simulated.private_key, snapshot)


def test_with_labels_of_other_arms(simulated: Loaded, pilot: Loaded) -> None:
    manifest = simulated.snapshot.manifest.model_copy(
        update={"wrapped_labels": pilot.snapshot.manifest.wrapped_labels}
    )
    snapshot = replace(simulated.snapshot, manifest=manifest)
    sentence = refusal(simulated, simulated.private_key, snapshot)
    assert "(2 and 3)" in sentence


@pytest.mark.parametrize("damage", [b"", b"no database"])
def test_with_an_open_file_that_is_damaged(
    simulated: Loaded, tmp_path: Path, damage: bytes
) -> None:
    folder = copy_of(simulated.snapshot, tmp_path)
    (folder / "open.duckdb").write_bytes(damage)
    snapshot = replace(simulated.snapshot, folder=folder)
    for view in View:
        with pytest.raises(BoardError, match=r"open\.duckdb"):
            open_board(simulated.trial, snapshot, simulated.grant(view), simulated.private_key)


# What is asked

FOLDER = queries.board.FOLDER
QUESTIONS = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.sql"))
# Views are made of statements; two of them are questions that the Board itself asks.
ASKED = [
    name
    for name in QUESTIONS
    if not name.startswith("views/") or name in {"views/arms", "views/datasets", "views/relations"}
]
# What was given is seen unblinded only.
UNBLINDED_ONLY = [name for name in ASKED if name.startswith("treatment/") or "_dose" in name]
A_VISIT = {"number": 3.0, "visit": "DAY 2", "day": 2, "window_before": 0, "window_after": 0}
STEP = {"measure": "alt", "term": "ALT increased", "beside": False, "grade": 1, "below": None}
NO_LIMITS = dict.fromkeys(("above_baseline", "at_least_baseline", "below_normal"))
# Values for every name that a question binds, chosen to let rows through.
SAMPLES: dict[str, Any] = {
    "checks": ["IE-101", "DM-111", "DM-112", "DM-113", "AE-AESER-present", "LB-101", "VS-101"],
    "characteristics": ["age", "bmi", "pao2_fio2", "weight", "crp"],
    "measures": ["weight", "crp"],
    "severities": [],
    "statuses": ["new", "persisting"],
    "audience": "site",
    "domains": ["DM", "DS", "IE", "SV", "AE", "LB", "VS", "PR"],
    "sites": [],
    "subject": "NCT05689008-01-001",
    "schedule": [A_VISIT],
    "last": A_VISIT,
    "plan": [{"number": 3.0, "domain": "LB", "measure": "crp", "in_hospital": False}],
    "doses": [A_VISIT | {"number": 1.0, "day": 1}],
    "arms": ["UC-MSC"],
    "cutoff": date(2024, 6, 1),
    "participant": "01-0",
    "most": 7,
    "arm": None,
    "body_system": None,
    "preferred_term": None,
    "least_grade": None,
    "from_day": None,
    "to_day": None,
    "steps": [STEP | NO_LIMITS | {"above_normal": 1.0}],
    "baseline_grade": None,
    "most_grade": None,
    "rose": None,
    "liver": Liver(
        aminotransferases=("alt", "ast"),
        alkaline_phosphatase="alp",
        bilirubin="bilirubin",
        context=(LiverContext(name="shock", measure="systolic_pressure", below=110),),
    ).model_dump(),
    "quadrant": None,
    "limits": [
        {"measure": "age", "lower": 18.0, "upper": 85.0},
        {"measure": "pao2_fio2", "lower": None, "upper": 300.0},
    ],
    "bins": [
        {"measure": "age", "at": 85.0, "step": 10.0},
        {"measure": "pao2_fio2", "at": 300.0, "step": 50.0},
    ],
    "side": "within",
    "kind": "site",
    "value": "01",
    "least_support": 3,
    "completed_from": 26,
    "in_window": False,
    "under_limit": False,
    "unexplained": False,
    "measure": "alt",
    "unit": "U/L",
    "visit_number": 3.0,
    "serious": False,
    "fatal": False,
    "group": None,
    "window_days": 7,
    "after_dose": False,
    "criterion": None,
    "supports": [
        {
            "group": "infection",
            "number": 0,
            "measure": measure,
            "at_least": None,
            "at_most": 100.0,
            "days_before": 2,
            "days_after": 2,
        }
        for measure in ("oxygen_saturation", "systolic_pressure")
    ],
    "rules": {
        "hours": 6,
        "arrest_hours": 24,
        "vasopressors": "Vasopressors",
        "peep": "peep",
        "peep_increase": 1.0,
        "fio2": "fio2_setting",
        "fio2_increase": 0.01,
        "arrhythmias": ["Ventricular tachycardia"],
        "arrests": ["Cardiac arrest"],
        "scale": "who_progression",
        "saturation": "oxygen_saturation",
        "saturation_fio2": "fio2_setting",
        "saturation_at_most": 97.0,
    },
    "days": [1, 2],
    "planned_day": 2,
    "asked_day": 2,
    "day": 2,
    "only_past": False,
    "until": 28,
    "what": "ratio",
    "bands": [{"name": "all", "at_least": 0.0, "above": -1.0, "below": 1e9, "at_most": 1e9}],
    "state": None,
    "label": "PaO2/FiO2",
    "least_peep": 5.0,
    "composite": ["died", "support_3", "ratio", "discharged_without_oxygen"],
    "age_bands": [{"name": "all", "at_least": 0.0, "above": -1.0, "below": 1e9, "at_most": 1e9}],
    "severity_bands": [
        {"name": "all", "at_least": 0.0, "above": -1.0, "below": 1e9, "at_most": 1e9}
    ],
    "around": 3,
    "dose": 1,
    "fold": True,
    "terms": [
        {"group": "infection", "number": 0, "term": term, "category": None, "days": None}
        for term in ("Septic shock", "PNEUMONIA BACTERIAL", "Pruritus", "Erythema")
    ],
}


def asked_in(view: View) -> list[str]:
    """The questions that a view answers."""
    return [name for name in ASKED if view is View.UNBLINDED or name not in UNBLINDED_ONLY]


def text_of(question: str) -> str:
    return (FOLDER / f"{question}.sql").read_text("utf-8")


def values_for(question: str) -> dict[str, Any]:
    names = set(re.findall(r"\$(\w+)", text_of(question))) - {"filters"}  # the Board binds these
    return {name: SAMPLES[name] for name in names}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_says_first_what_one_row_is(question: str) -> None:
    first = text_of(question).splitlines()[0]
    grain = r"-- One row\b.*[:.,;].*" if question in ASKED or question == "views/about" else "-- .+"
    assert re.fullmatch(grain, first), first


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_complete_as_it_stands(question: str) -> None:
    """Values are bound; there is nothing for a program to format in."""
    assert not re.search(r"[{}]|%s|%\(|\?", text_of(question))


@pytest.mark.parametrize("question", ASKED)
def test_a_question_names_nothing_sealed(question: str) -> None:
    """Which database a relation comes from is for the views to say."""
    assert not re.search(rf"\b({OPEN}|{SEALED})\b", text_of(question))


Answers = dict[str, pl.DataFrame]
# The other views ask the same questions, or fewer, of other arms: in the long proof.
ASKED_AGAIN = tuple(View) if PROVE else (View.UNBLINDED,)


def answers_of(board: Board) -> Answers:
    """The answer to each question that the Board's view has, by the question's name."""
    return {name: board.ask(name, **values_for(name)) for name in asked_in(board.view)}


@pytest.fixture(scope="module")
def answers(simulated: Loaded) -> Callable[[View], Answers]:
    """What a view of the simulated trial answers, asked once."""

    @cache
    def of_view(view: View) -> Answers:
        with closing(simulated.board(view)) as board:
            return answers_of(board)

    return of_view


@pytest.mark.parametrize("view", list(View))
def test_every_question_is_answered_in_every_view(
    answers: Callable[[View], Answers], simulated: Loaded, pilot: Loaded, view: View
) -> None:
    of_each = [(simulated, answers(view))]
    if view in ASKED_AGAIN:
        with closing(pilot.board(view)) as board:
            of_each.append((pilot, answers_of(board)))
    for loaded, given in of_each:
        columns = {name: answer.columns for name, answer in given.items()}
        assert all(columns.values())
        answered = ANSWERED.setdefault(loaded.trial.id, {})
        assert all(answered.setdefault(name, columns[name]) == columns[name] for name in columns)


def test_what_was_given_is_asked_unblinded_only(opened: Callable[[View], Board]) -> None:
    assert UNBLINDED_ONLY
    for view in (View.POOLED, View.CODED):
        for name in UNBLINDED_ONLY:
            with pytest.raises((duckdb.CatalogException, duckdb.BinderException)):
                opened(view).ask(name, **values_for(name))


# By trial: columns of each answer, which are the same in every view.
ANSWERED: dict[str, dict[str, list[str]]] = {}


def test_a_question_that_is_not_there_is_a_fault(opened: Callable[[View], Board]) -> None:
    with pytest.raises(FileNotFoundError):
        opened(View.POOLED).ask("enrollment/not_there")


@pytest.fixture(scope="module")
def reversed_copy(simulated: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The simulated snapshot, every table of it stored in the opposite order."""
    snapshot = simulated.snapshot
    folder = tmp_path_factory.mktemp("reversed")
    wrapped = unwrap(read_private_key(simulated.private_key), snapshot.manifest.wrapped_key)
    key = base64.b64decode(json.loads(wrapped)["key"])
    source = reader(snapshot.open_path, snapshot.sealed_path, key)
    tables = source.execute(
        "select database_name, table_name from duckdb_tables() where not internal"
    ).fetchall()
    with both_files(folder / "open.duckdb", folder / "sealed.duckdb", key) as target:
        for database, table in tables:
            frame = source.execute(f"from {database}.{quote_identifier(table)}").pl()
            store_frame(target, database, table, frame.reverse())
    source.close()
    return with_digests_of_its_files(replace(snapshot, folder=folder))


@pytest.mark.parametrize("view", ASKED_AGAIN)
def test_an_answer_does_not_depend_on_the_order_of_storage(
    answers: Callable[[View], Answers], simulated: Loaded, reversed_copy: Snapshot, view: View
) -> None:
    """Rows are fully ordered, and no aggregate picks or adds up as rows happen to come."""
    grant = simulated.grant(view)
    with closing(open_board(simulated.trial, reversed_copy, grant, simulated.private_key)) as board:
        reversed_answers = answers_of(board)
    assert reversed_answers.keys() == answers(view).keys()
    for name, answer in answers(view).items():
        assert_frame_equal(answer, reversed_answers[name], check_exact=True)

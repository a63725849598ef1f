"""Whoever can write to the store, and has no key, changes no number that anybody is shown."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from access.view import View
from data_validation import __main__ as command
from queries import BoardError, open_board
from snapshots import FORMAT, Snapshot, StoreError, TrialStore, open_store_digest
from snapshots.integrity import file_digest
from tests.conftest import LoadedTrial, board_of, grant_for

Attack = Callable[[Path], None]


@pytest.fixture
def copy(demonstration_store: LoadedTrial, tmp_path: Path) -> LoadedTrial:
    """The demonstration in a store that may be attacked, as the dashboard sees it."""
    return demonstration_store.copied_to(tmp_path / "store")


def store_of(loaded: LoadedTrial) -> TrialStore:
    return loaded.store.trial(loaded.trial.id)


def fewer_serious(folder: Path) -> None:
    # The file itself may be open in this process.
    aside = Path(shutil.copy(folder / "open.duckdb", folder.parent / "aside.duckdb"))
    with closing(duckdb.connect(str(aside))) as connection:
        connection.execute("UPDATE adverse_event SET serious = false WHERE serious")
    (folder / "open.duckdb").write_bytes(aside.read_bytes())


def with_fitting_manifest(folder: Path) -> None:
    """The same, and the manifest says what the files are now."""
    fewer_serious(folder)
    rewritten(
        folder,
        digest=open_store_digest(folder / "open.duckdb").digest,
        files={name: file_digest(folder / name) for name in ("open.duckdb", "sealed.duckdb")},
    )


def as_if_of_an_earlier_version(folder: Path) -> None:
    """The same, and as if of a format that has no code beside its manifest."""
    with_fitting_manifest(folder)
    rewritten(folder, format=5, files={})
    (folder / "manifest.hmac").unlink()


def rewritten(folder: Path, **changed: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changed), "utf-8")


def without_code(folder: Path) -> None:
    (folder / "manifest.hmac").unlink()


def as_if_real(folder: Path) -> None:
    as_if_of_an_earlier_version(folder)
    rewritten(folder, simulated=False)


def one_bit(folder: Path) -> None:
    content = bytearray((folder / "open.duckdb").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "open.duckdb").write_bytes(content)


def nested(folder: Path) -> None:
    (folder / "manifest.json").write_text("[" * 100_000, "utf-8")


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (fewer_serious, "is damaged, or was changed"),
        (one_bit, "is damaged, or was changed"),
        (with_fitting_manifest, "cannot be trusted"),
        (without_code, "cannot be trusted"),
        (as_if_real, "Nothing vouches for snapshot"),
        # Simulated is what the manifest says of itself.
        (as_if_of_an_earlier_version, "Nothing vouches for snapshot"),
        (nested, "is not JSON"),
    ],
)
def test_a_change_is_a_sentence_and_no_number(
    copy: LoadedTrial, attack: Attack, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, last = copy.snapshots
    attack(last.folder)
    with pytest.raises((BoardError, StoreError), match=words):
        board_of(copy, View.POOLED, store_of(copy).snapshot(last.id))
    # The other one is shown as before, and the command says which is which.
    board_of(copy, View.POOLED, first).close()
    if attack in {as_if_real, as_if_of_an_earlier_version}:
        code, said, _ = verified(copy, capsys)
        assert code == 5
        assert f"{last.id}: whole, but not vouched for." in said
    else:
        assert verified(copy, capsys) == (5, f"{first.id}: whole, and vouched for.\n", words)


def verified(
    loaded: LoadedTrial, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str | None]:
    """Exit code and output of the command, and which of the words that are looked for it says."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DSMB_AUDIT_KEY_FILE", str(loaded.keys.audit))
        arguments = ("snapshots", "verify", "--trial", loaded.trial.id, "--store")
        code = command.main([*arguments, str(loaded.store.root)])
    said = capsys.readouterr()
    words = ("is damaged, or was changed", "cannot be trusted", "is not JSON")
    told = next((word for word in words if word in said.err.replace("\n", " ")), None)
    return code, said.out, told


def test_a_file_that_changes_while_it_is_shown_ends_the_board(copy: LoadedTrial) -> None:
    board = board_of(copy, View.POOLED)
    assert board.holds()
    fewer_serious(copy.snapshot.folder)
    assert not board.holds()
    with pytest.raises(BoardError, match=r"was changed while it was shown"):
        board.ask("safety/overview")
    with pytest.raises(BoardError, match="is damaged, or was changed"):
        board_of(copy, View.POOLED)


def test_an_earlier_format_can_be_vouched_for(copy: LoadedTrial) -> None:
    as_if_real(copy.snapshot.folder)
    # As a program of that format would have left it.
    digest = open_store_digest(copy.snapshot.open_path).digest
    rewritten(copy.snapshot.folder, digest=digest)
    store = store_of(copy)
    with pytest.raises(BoardError, match="Nothing vouches"):
        board_of(copy, View.POOLED)
    store.vouch_for(copy.snapshot)
    board_of(copy, View.POOLED).close()
    rewritten(copy.snapshot.folder, cutoff="2023-08-30")
    with pytest.raises(StoreError, match="cannot be trusted"):
        store.snapshot(copy.snapshots[-1].id if len(copy.snapshots) > 1 else "2023-08-31.1")


def test_without_the_key_real_participants_are_not_shown(copy: LoadedTrial) -> None:
    def read(snapshot: Snapshot) -> None:
        grant = grant_for(copy, View.POOLED, snapshot)
        open_board(copy.trial, snapshot, grant).close()

    snapshot = TrialStore(copy.store.root, copy.trial.id).current()
    assert snapshot is not None
    assert not snapshot.authenticated
    assert snapshot.manifest.format == FORMAT
    read(snapshot)
    real = snapshot.manifest.model_copy(update={"simulated": False})
    with pytest.raises(BoardError, match="no audit key at hand"):
        read(replace(snapshot, manifest=real))

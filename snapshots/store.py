"""Where snapshots lie, and how they are named and found.

``<root>/<trial>/<cut-off>.<number>/`` holds one snapshot and never changes, and
``<root>/<trial>/current`` names the one that readers open. Names that begin with a dot are work in
progress.
"""

import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from snapshots.durable_files import replace_file
from snapshots.errors import NoSuchSnapshotError, StoreError
from snapshots.manifest import (
    FILES_IN_MANIFEST,
    Manifest,
    authentication_code,
    parse_manifest,
)

OPEN_FILE = "open.duckdb"
SEALED_FILE = "sealed.duckdb"
MANIFEST_FILE = "manifest.json"
CODE_FILE = "manifest.hmac"
RECEIPT_FILE = "receipt"
IDENTITIES_FILE = "identities.sealed"
CURRENT_FILE = "current"
NUMBERS_FILE = "numbers.json"

_TRIAL_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SNAPSHOT_ID = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})\.([1-9][0-9]{0,5})")


@dataclass(frozen=True, order=True, slots=True)
class SnapshotId:
    """Cut-off date and a number, written ``2023-09-30.1``: it carries nothing from the data."""

    cutoff: date
    number: int

    def __str__(self) -> str:
        return f"{self.cutoff.isoformat()}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> "SnapshotId":
        """Read an id. Raises NoSuchSnapshotError if ``text`` is anything else."""
        match = _SNAPSHOT_ID.fullmatch(text)
        try:
            if match is not None:
                return cls(date.fromisoformat(match[1]), int(match[2]))
        except ValueError:  # a day that is in no calendar
            pass
        raise NoSuchSnapshotError(
            f"{text[:80]!r} is not a snapshot id: expected the cut-off date and a number, for "
            "instance 2023-09-30.1."
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One published load: its id, its folder and what its manifest says.

    Attributes:
        store: where it was found.
        authenticated: whether a code under the installation's key vouches for the manifest.
    """

    id: SnapshotId
    folder: Path
    manifest: Manifest
    store: "TrialStore" = field(repr=False, compare=False)
    authenticated: bool = False

    @property
    def open_path(self) -> Path:
        """The database of everything that the allow-list opens."""
        return self.folder / OPEN_FILE

    @property
    def sealed_path(self) -> Path:
        """The encrypted database of everything else."""
        return self.folder / SEALED_FILE


@dataclass(frozen=True, slots=True)
class TrialStore:
    """The snapshots of one trial. The folder need not exist before the first load.

    Attributes:
        key: under which manifests are vouched for, see ``access.audit_key.manifest_key``; without
            one nothing here is authenticated.
    """

    root: Path
    name: str
    key: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """Where the trial's snapshots lie."""
        return self.root / self.name

    def ids(self) -> list[SnapshotId]:
        """Return the id of every folder named like a snapshot, readable or not, in order."""
        found = []
        try:
            names = [entry.name for entry in self.folder.iterdir() if entry.is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be read: {error.strerror}.") from error
        for name in names:
            try:
                found.append(SnapshotId.parse(name))
            except StoreError:
                continue
        return sorted(found)

    def snapshots(self) -> list[Snapshot]:
        """Return every snapshot that this version can read, by cut-off and then number.

        Anything else in the folder is passed over; ``snapshot`` says what is wrong with one.
        """
        readable = []
        for snapshot_id in self.ids():
            try:
                readable.append(self.snapshot(snapshot_id))
            except StoreError:
                continue
        return readable

    def snapshot(self, snapshot_id: SnapshotId | str) -> Snapshot:
        """Return one snapshot. Raises StoreError that says why it cannot be had."""
        if isinstance(snapshot_id, str):
            snapshot_id = SnapshotId.parse(snapshot_id)
        folder = self.folder / str(snapshot_id)
        path = folder / MANIFEST_FILE
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            if folder.is_dir():
                raise StoreError(
                    f"{folder} is not a snapshot: it has no {MANIFEST_FILE}. Restore the folder "
                    "from a copy, or load the extract again."
                ) from None
            known = ", ".join(str(known) for known in self.ids()) or "none"
            raise NoSuchSnapshotError(
                f"Trial {self.name} has no snapshot {snapshot_id}; it has: {known}."
            ) from None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
        manifest = parse_manifest(content, str(path))
        authenticated = self._is_authentic(snapshot_id, folder, content, manifest.format)
        if (manifest.trial, manifest.snapshot) != (self.name, str(snapshot_id)):
            raise StoreError(
                f"{path} describes snapshot {manifest.snapshot} of trial {manifest.trial}: the "
                "folder was renamed or copied. Give it back its place."
            )
        if manifest.cutoff != snapshot_id.cutoff:
            raise StoreError(f"{path} states the cut-off {manifest.cutoff}, not that of its id.")
        for database in (OPEN_FILE, SEALED_FILE):
            if not (folder / database).is_file():
                raise StoreError(
                    f"{folder} has no {database}. Restore the folder from a copy, or load the "
                    "extract again."
                )
        return Snapshot(snapshot_id, folder, manifest, self, authenticated)

    def vouch_for(self, snapshot: Snapshot) -> None:
        """Vouch, from now on, for a snapshot of a format that has no code beside its manifest.

        Raises:
            StoreError: there is no key, the snapshot has a code of its own, or the disk fails.
        """
        if self.key is None:
            raise StoreError(
                "To vouch for a snapshot takes the audit key: set DSMB_AUDIT_KEY_FILE."
            )
        if snapshot.manifest.format >= FILES_IN_MANIFEST:
            raise StoreError(f"Snapshot {snapshot.id} was vouched for when it was loaded.")
        code = authentication_code(self.key, (snapshot.folder / MANIFEST_FILE).read_bytes())
        try:
            replace_file(self._code_beside(snapshot.id), f"{code}\n".encode(), 0o640)
        except OSError as error:
            raise StoreError(f"{self.folder} cannot be written: {error.strerror}.") from None

    def _code_beside(self, snapshot_id: SnapshotId) -> Path:
        """The code of a snapshot without one of its own: what is published stays as it is."""
        return self.folder / f"{snapshot_id}.hmac"

    def _is_authentic(
        self, snapshot_id: SnapshotId, folder: Path, content: bytes, number: int
    ) -> bool:
        """Whether the code over a manifest says that it is as it was loaded.

        Raises StoreError where it says that it is not, or where one is missing.
        """
        if self.key is None:
            return False
        has_own = number >= FILES_IN_MANIFEST
        path = folder / CODE_FILE if has_own else self._code_beside(snapshot_id)
        try:
            code = path.read_bytes().strip()
        except OSError:
            if not has_own:
                return False
            code = b""
        if not hmac.compare_digest(code, authentication_code(self.key, content).encode()):
            raise StoreError(
                f"{folder / MANIFEST_FILE} cannot be trusted: it was changed after the load, or "
                "loaded under another audit key (DSMB_AUDIT_KEY_FILE). Restore the snapshot's "
                "folder from a copy, or load the extract again."
            )
        return True

    def current_id(self) -> SnapshotId | None:
        """Return the id that ``current`` names, or None before the first load."""
        path = self.folder / CURRENT_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{path} cannot be read: {error}.") from error
        try:
            return SnapshotId.parse(text.removesuffix("\n"))
        except StoreError as error:
            raise StoreError(
                f"{path} names no snapshot. {error} Load an extract, or write the id of a snapshot "
                "of the same folder into it."
            ) from None

    def current(self) -> Snapshot | None:
        """Return the snapshot that readers open, or None before the first load.

        Raises StoreError when ``current`` names a snapshot that cannot be read.
        """
        current_id = self.current_id()
        while current_id is not None:
            try:
                return self.snapshot(current_id)
            except StoreError:
                # A load may have made another one current and pruned this one meanwhile.
                later = self.current_id()
                if later == current_id:
                    raise
                current_id = later
        return None

    def next_id(self, cutoff: date, named: Iterable[SnapshotId] = ()) -> SnapshotId:
        """Return the id for a new snapshot with this cut-off; hold the load lock.

        A number is never given twice, not even after its snapshot was pruned: a review may name it,
        or a release, which would then be one of other data.

        Args:
            cutoff: the data cut-off.
            named: ids that are in the records, whether their snapshots are there or not.
        """
        known = [*self.ids(), *named]
        taken = [snapshot_id.number for snapshot_id in known if snapshot_id.cutoff == cutoff]
        taken.append(self.retired_numbers().get(cutoff, 0))
        return SnapshotId(cutoff, max(taken) + 1)

    def retired_numbers(self) -> dict[date, int]:
        """Return the highest number among the pruned snapshots of each cut-off."""
        path = self.folder / NUMBERS_FILE
        try:
            plain = json.loads(path.read_bytes())
            # As ids, which have so many digits and no more.
            read = [SnapshotId.parse(f"{cutoff}.{number}") for cutoff, number in plain.items()]
            return {known.cutoff: known.number for known in read}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, AttributeError, NoSuchSnapshotError) as error:
            raise StoreError(
                f"{path} cannot be read ({error}). It holds the highest number that was pruned of "
                "each cut-off; restore it from a copy, or delete it if nothing was ever pruned."
            ) from None


@dataclass(frozen=True, slots=True)
class Store:
    """All trials of an installation, one folder each; ``key`` as ``TrialStore`` has it."""

    root: Path
    key: bytes | None = field(default=None, repr=False, compare=False)

    def trial(self, name: str) -> TrialStore:
        """Return the snapshots of one trial. Raises StoreError if ``name`` cannot be a trial's."""
        if _TRIAL_NAME.fullmatch(name) is None:
            raise StoreError(
                f"{name[:80]!r} is not the name of a trial: expected lower-case letters, digits, "
                "hyphens and underscores, for instance nct05689008."
            )
        return TrialStore(self.root, name, self.key)

    def trials(self) -> list[TrialStore]:
        """Return every trial that has a folder here, by name."""
        try:
            names = sorted(entry.name for entry in self.root.iterdir() if entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(f"{self.root} cannot be read: {error.strerror}.") from error
        return [self.trial(name) for name in names if _TRIAL_NAME.fullmatch(name)]

    def is_empty(self) -> bool:
        """Whether no snapshot was ever loaded here, readable or not."""
        return not any(trial.ids() or trial.retired_numbers() for trial in self.trials())

    def last_mark(self) -> tuple[tuple[str, int, str], str] | None:
        """The latest mark of the audit trail that a load has left here, and the load, in words."""
        loads = [
            (mark, f"snapshot {snapshot.id} of {trial.name} was loaded")
            for trial in self.trials()
            for snapshot in trial.snapshots()
            if (mark := snapshot.manifest.records) is not None
        ]
        if not loads:
            return None
        mark, load = max(loads, key=lambda one: one[0].row)
        return (mark.first, mark.row, mark.code), load

    def snapshots_by_trial(self) -> dict[str, list[str]]:
        """Return the ids of each trial that has a current snapshot: that one, then the latest."""
        found = {}
        for trial in self.trials():
            if (current := trial.current_id()) is not None:
                others = [
                    str(item.id) for item in reversed(trial.snapshots()) if item.id != current
                ]
                found[trial.name] = [str(current), *others]
        return found

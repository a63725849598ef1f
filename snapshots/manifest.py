"""What a snapshot says about itself in the open: nothing that is computed from sealed input."""

import hashlib
import hmac
import json
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from snapshots.errors import StoreError

FORMAT = 6
# Published files are never migrated. Format 3 has the same relations, in DuckDB's oldest storage.
# Of format 2, with fewer relations, manifest, labels and findings are read, so that a load can
# follow; it is not shown.
SHOWN_FORMATS = frozenset({3, 4, 5, 6})
# From this format on a load decides the facts that pages stand on, and stores them.
KNOWN_FACTS = 5
# From this format on the manifest has the digests of the files, and a code vouches for it.
FILES_IN_MANIFEST = 6
SUPPORTED_FORMATS = frozenset({2, 3, 4, 5, 6})

Severity = Literal["critical", "major", "minor", "note"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TableFacts(_Frozen):
    """One table of the open store: how many rows, and their canonical digest."""

    rows: Count
    digest: Sha256


class ControlTotal(_Frozen):
    """How many rows of one relation were read and are stored in the open store."""

    relation: str
    rows: Count


class RecordsMark(_Frozen):
    """By what the audit trail of a load is known again, see ``access.trail.Trail.mark``."""

    first: Sha256
    row: Count
    code: Sha256


class Manifest(_Frozen):
    """The open description of one snapshot, stored as ``manifest.json`` beside its databases.

    Attributes:
        format: layout of the snapshot, see ``SUPPORTED_FORMATS``.
        trial: short name of the trial, the name of the folder above the snapshot's.
        snapshot: id of the snapshot, the name of its folder.
        cutoff: data cut-off, in the trial's own calendar.
        loaded_at: moment of the load, UTC.
        simulated: whether the participants are simulated.
        versions: name to version of what made the snapshot.
        tables: tables of the open store by name.
        digest: canonical digest of the whole open store, see ``snapshots.digest``.
        records: the audit trail that the load is recorded in; none where it was not.
        files: SHA-256 of both databases by file name; none before format 6.
        control_totals: rows read and stored, of open relations only.
        findings: number of open findings by severity.
        board_key_fingerprint: fingerprint of the public key that the two next fields are sealed to.
        wrapped_key: key of ``sealed.duckdb``, sealed to the board's public key.
        wrapped_labels: which arm is called Arm A and so on, sealed to the board's public key.
    """

    format: int
    trial: str
    snapshot: str
    cutoff: date
    loaded_at: Annotated[AwareDatetime, AfterValidator(_in_utc)]
    simulated: bool
    versions: dict[str, str]
    tables: dict[str, TableFacts]
    digest: Sha256
    records: RecordsMark | None = None
    files: dict[str, Sha256] = {}
    control_totals: tuple[ControlTotal, ...]
    findings: dict[Severity, Count]
    board_key_fingerprint: str
    wrapped_key: str
    wrapped_labels: str

    def to_json(self) -> bytes:
        """Return canonical JSON: sorted keys, two spaces, UTF-8; equal manifests, equal bytes."""
        plain = self.model_dump(mode="json")
        return (json.dumps(plain, sort_keys=True, ensure_ascii=False, indent=2) + "\n").encode()


def authentication_code(key: bytes, content: bytes) -> str:
    """HMAC-SHA-256, in hexadecimal, of the bytes of a ``manifest.json`` under a key."""
    return hmac.new(key, b"dsmb manifest 1\n" + content, hashlib.sha256).hexdigest()


def parse_manifest(content: bytes, where: str) -> Manifest:
    """Read a manifest.

    Args:
        content: bytes of ``manifest.json``.
        where: what to call the file in a message.

    Raises:
        StoreError: the content is not JSON, of a format that is not supported, or not a manifest.
    """
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError):
        raise StoreError(
            f"{where} is not JSON. Restore the snapshot's folder from a copy, or load the extract "
            "again."
        ) from None
    found = plain.get("format") if isinstance(plain, dict) else None
    if type(found) is not int:
        raise StoreError(f"{where} is not the manifest of a snapshot: it states no format.")
    if found not in SUPPORTED_FORMATS:
        supported = " or ".join(str(number) for number in sorted(SUPPORTED_FORMATS))
        raise StoreError(
            f"{where} has format {found}; this version reads format {supported}. "
            "Load the extract again."
        )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{where} is not a valid manifest: field {field}: {first['msg']}. Restore the "
            "snapshot's folder from a copy, or load the extract again."
        ) from None

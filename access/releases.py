"""Which snapshot the sponsor sees, of each trial the one that was released last; and which were."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import desc, select

from access.entries import Actor
from access.identity import Identity
from access.policy import rights_of
from access.records import audit_trail, reading, snapshot_release, writing
from access.trail import Trail


def release(trail: Trail, actor: Actor, *, trial: str, snapshot: str) -> None:
    """Release a snapshot to the sponsor, in place of the one before.

    Raises:
        AuditError: it cannot be recorded, so it is not released.
    """
    with (
        trail.recorded("snapshot released to the sponsor", actor, trial=trial, snapshot=snapshot),
        writing(trail.records) as connection,
    ):
        connection.execute(
            snapshot_release.insert().values(
                trial=trial,
                snapshot=snapshot,
                released_at=datetime.now(UTC).isoformat(),
                released_by=f"{actor.issuer}/{actor.subject}",
            )
        )


def released(trail: Trail, trial: str) -> str | None:
    """The snapshot of this trial that was released last; None if none was."""
    with reading(trail.records) as connection:
        found = connection.execute(
            select(snapshot_release.c.snapshot)
            .where(snapshot_release.c.trial == trial)
            .order_by(desc(snapshot_release.c.id))
            .limit(1)
        ).one_or_none()
    return None if found is None else str(found.snapshot)


def named_snapshots(trail: Trail, trial: str) -> list[str]:
    """Each snapshot of this trial that a row of the audit trail names; none of them comes again."""
    with reading(trail.records) as connection:
        found = connection.execute(
            select(audit_trail.c.snapshot)
            .where(audit_trail.c.trial == trial, audit_trail.c.snapshot != "")
            .distinct()
        )
        return sorted(str(row.snapshot) for row in found)


def offered_snapshots(
    identity: Identity, trail: Trail, stored: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Of the snapshots of each trial those that this person may look at; no trial without any."""
    limited = rights_of(identity.role).limited
    offered = {}
    for trial, snapshots in stored.items():
        if not identity.is_for(trial):
            continue
        last = released(trail, trial) if limited else None
        offered[trial] = [name for name in snapshots if not limited or name == last]
    return {trial: snapshots for trial, snapshots in offered.items() if snapshots}

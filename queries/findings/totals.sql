-- One row: standing findings by severity, and what changed against the snapshot before.
select
  count(*) filter (where status <> 'resolved') as standing,
  count(*) filter (where severity = 'critical' and status <> 'resolved') as critical,
  count(*) filter (where severity = 'major' and status <> 'resolved') as major,
  count(*) filter (where severity = 'minor' and status <> 'resolved') as minor,
  count(*) filter (where severity = 'note' and status <> 'resolved') as note,
  count(*) filter (where sealed) as sealed,
  count(*) filter (where status = 'new') as new,
  count(*) filter (where status = 'persisting') as persisting,
  count(*) filter (where status = 'moved') as moved,
  count(*) filter (where status = 'resolved') as resolved,
  count(distinct subject) filter (where status <> 'resolved') as participants
from finding

-- One row: standing findings by severity, and what changed against the snapshot before. `touching`:
-- those that pages of the board tell of, which are not of somebody who is not randomized.
with finding as (
  select *, status <> 'resolved' and (subject is null or subject in (
    select subject from participation where subject is not null
  )) as is_touching
  from main.finding
)
select
  count(*) filter (where status <> 'resolved') as standing,
  count(*) filter (where severity = 'critical' and status <> 'resolved') as critical,
  count(*) filter (where severity = 'major' and status <> 'resolved') as major,
  count(*) filter (where severity = 'minor' and status <> 'resolved') as minor,
  count(*) filter (where severity = 'note' and status <> 'resolved') as note,
  count(*) filter (where severity = 'critical' and is_touching) as touching_critical,
  count(*) filter (where severity = 'major' and is_touching) as touching_major,
  count(*) filter (where severity = 'minor' and is_touching) as touching_minor,
  count(*) filter (where severity = 'note' and is_touching) as touching_note,
  count(*) filter (where sealed) as sealed,
  count(*) filter (where status = 'new') as new,
  count(*) filter (where status = 'persisting') as persisting,
  count(*) filter (where status = 'moved') as moved,
  count(*) filter (where status = 'resolved') as resolved,
  count(distinct subject) filter (where status <> 'resolved') as participants
from finding

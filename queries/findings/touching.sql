-- One row: standing critical and major findings in some domains, and how many records they touch.
-- Those of somebody who is not randomized touch no page of the board.
select count(*) as findings,
  count(distinct record_key) + coalesce(sum(records) filter (where record_key is null), 0)::bigint
    as records,
  count(distinct subject) as participants
from finding
where status <> 'resolved' and severity in ('critical', 'major')
  and list_contains($domains, domain)
  and (subject is null or subject in (select subject from participation where subject is not null))

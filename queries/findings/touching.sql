-- One row: standing critical and major findings in some domains, and how many records they touch.
-- counts: findings, records, participants
-- fixed: domains
select count(*) as findings, count(distinct record_key) as records,
  count(distinct subject) as participants
from finding
where status <> 'resolved' and severity in ('critical', 'major')
  and list_contains($domains, domain)

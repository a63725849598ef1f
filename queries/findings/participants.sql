-- One row: participants with standing findings, with major or critical ones, and the most of one.
with participant_findings as (
  select subject, count(*) as standing,
    count(*) filter (where severity in ('critical', 'major')) as serious
  from finding
  where status <> 'resolved' and subject is not null
  group by subject
)
select count(*) as participants, count(*) filter (where serious > 0) as with_major,
  coalesce(max(standing), 0) as most
from participant_findings

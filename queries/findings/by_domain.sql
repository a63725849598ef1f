-- One row a dataset: standing findings by severity.
select domain,
  count(*) filter (where severity = 'critical') as critical,
  count(*) filter (where severity = 'major') as major,
  count(*) filter (where severity = 'minor') as minor,
  count(*) filter (where severity = 'note') as note,
  count(*) as standing,
  count(distinct subject) as participants
from finding
where status <> 'resolved'
group by all
order by critical desc, major desc, standing desc, domain

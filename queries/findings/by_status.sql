-- One row a severity: findings that stand anew, still, or no more, against the snapshot before.
select severity,
  count(*) filter (where status = 'new') as new,
  count(*) filter (where status = 'persisting') as persisting,
  count(*) filter (where status = 'moved') as moved,
  count(*) filter (where status = 'resolved') as resolved
from finding
where not sealed
group by severity
order by list_position(['critical', 'major', 'minor', 'note'], severity)

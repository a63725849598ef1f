-- One row a check with findings: how many stand, are new, were resolved.
select "check", any_value(domain) as domain, any_value(severity) as severity,
  min(message) as message,
  count(*) filter (where status <> 'resolved') as standing,
  count(*) filter (where status = 'new') as new,
  count(*) filter (where status = 'moved') as moved,
  count(*) filter (where status = 'resolved') as resolved,
  count(distinct subject) filter (where status <> 'resolved') as participants
from finding
group by "check"
order by list_position(['critical', 'major', 'minor', 'note'], any_value(severity)), standing desc,
  "check"

-- One row a finding that stands: what was found, under the name of its first query, how grave, and
-- where.
select coalesce(known_as, finding) as finding, severity, domain
from finding
where status <> 'resolved'
order by finding

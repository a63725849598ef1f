-- One row a finding that stands: what was found, how grave, and where.
select finding, severity, domain
from finding
where status <> 'resolved'
order by finding

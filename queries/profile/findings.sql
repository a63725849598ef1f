-- One row a finding about a participant's records that stands, the most severe first.
select "check", severity, domain, field, value, message, status
from finding
where subject = $subject and status <> 'resolved'
order by list_position(['critical', 'major', 'minor', 'note'], severity), "check", domain, field,
  value nulls last, record_key nulls last

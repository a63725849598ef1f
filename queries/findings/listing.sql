-- One row a finding, with the site to ask; an empty list stands for "all" in a filter.
select finding.finding, finding."check", finding.severity, finding.status, finding.domain,
  participant.site, finding.subject, finding.field, finding.value, finding.message, finding.query,
  finding.record_key
from finding
left join participant using (subject)
where (len($severities) = 0 or list_contains($severities, finding.severity))
  and (len($statuses) = 0 or list_contains($statuses, finding.status))
  and (len($domains) = 0 or list_contains($domains, finding.domain))
  and (len($sites) = 0 or list_contains($sites, coalesce(participant.site, '(no site)')))
  and (len($checks) = 0 or list_contains($checks, finding."check"))
order by list_position(['critical', 'major', 'minor', 'note'], finding.severity), finding."check",
  finding.subject, finding.record_key, finding.field

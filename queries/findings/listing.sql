-- One row a finding that the filters leave, with the site to ask, and of how many. An empty list
-- stands for "all" in a filter, an empty text for every participant; without a limit all are there.
select finding.finding, finding."check", finding.severity, finding.status, finding.domain,
  participant.site, finding.subject, finding.field, finding.value, finding.message, finding.query,
  coalesce(finding.records, 1) as records,
  finding.record_key, finding.sealed, finding.file, finding."row", count(*) over () as matching
from finding
left join participant using (subject)
where coalesce(finding.audience, 'site') = $audience
  and (len($severities) = 0 or list_contains($severities, finding.severity))
  and (len($statuses) = 0 or list_contains($statuses, finding.status))
  and (len($domains) = 0 or list_contains($domains, finding.domain))
  and (len($sites) = 0 or list_contains($sites, coalesce(participant.site, '(no site)')))
  and (len($checks) = 0 or list_contains($checks, finding."check"))
  and ($participant = '' or contains(lower(finding.subject), lower($participant)))
order by list_position(['critical', 'major', 'minor', 'note'], finding.severity), finding."check",
  finding.subject, finding.record_key, finding.field
limit $most

-- One row a check on eligibility: randomized participants whom it found.
-- counts: participants
-- fixed: checks
select finding."check", any_value(finding.message) as message,
  count(distinct finding.subject) as participants
from finding
inner join participant using (subject)
where participant.randomized and finding.status <> 'resolved'
  and list_contains($checks, finding."check")
group by all
order by finding."check"

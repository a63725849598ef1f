-- One row a check on eligibility: randomized participants whom it found.
-- open: who was not eligible was not so before anybody had an arm
select finding."check", any_value(finding.message) as message,
  count(distinct finding.subject) as participants
from finding
inner join participant using (subject)
where participant.randomized and finding.status <> 'resolved'
  and finding."check" in ('IE-101', 'DM-111', 'DM-112', 'DM-113')
group by all
order by finding."check"

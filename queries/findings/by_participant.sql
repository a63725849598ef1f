-- One row a participant with standing findings, most severe first: the first $most of them.
select finding.subject, participant.site,
  count(*) filter (where finding.severity = 'critical') as critical,
  count(*) filter (where finding.severity = 'major') as major,
  count(*) filter (where finding.severity = 'minor') as minor,
  count(*) filter (where finding.severity = 'note') as note,
  count(*) as standing
from finding
left join participant using (subject)
where finding.status <> 'resolved' and finding.subject is not null
group by finding.subject, participant.site
order by critical desc, major desc, standing desc, subject
limit $most

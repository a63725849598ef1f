-- One row a site: standing findings by severity; findings without a participant have no site.
select coalesce(participant.site, '(no site)') as site,
  count(*) filter (where finding.severity = 'critical') as critical,
  count(*) filter (where finding.severity = 'major') as major,
  count(*) filter (where finding.severity = 'minor') as minor,
  count(*) filter (where finding.severity = 'note') as note,
  count(*) as standing,
  count(distinct finding.subject) as participants
from finding
left join participant using (subject)
where finding.status <> 'resolved'
group by all
order by critical desc, major desc, standing desc, site

-- One row: who a participant is, where they are in the study, and what was found wrong with their data.
select
  person.subject,
  coalesce(person.site, '(no site)') as site,
  person.age,
  person.sex,
  participation.arm,
  participation.day_one,
  person.stratum,
  participation.ended,
  participation.reason,
  participation.death_date,
  participation.completion_date,
  participation.leaving_date,
  date_diff('day', participation.day_one, $cutoff::date) + 1 as days_since,
  date_diff('day', participation.day_one, coalesce(participation.observed_until, $cutoff::date)) + 1
    as observed_days,
  participation.observed_by,
  (select count(*) from emergent_event where emergent_event.subject = person.subject) as events,
  if_serious((
    select count(*) from emergent_event
    where emergent_event.subject = person.subject and emergent_event.is_serious
  )) as serious,
  (
    select count(*) from finding
    where finding.subject = person.subject and finding.status <> 'resolved'
      and finding.severity in ('critical', 'major')
  ) as major_findings
from participant as person
inner join participation using (subject)
where person.subject = $subject

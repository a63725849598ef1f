-- One row a participant: who they are, and where they stand.
select
  participant.subject,
  participant.site,
  participant.arm,
  case when participant.randomized then 'randomized' else 'screened' end as reached,
  participation.ended,
  participation.reason,
  participation.day_one,
  participation.death_date
from participant
left join participation using (subject)
order by participant.subject

-- One row a site: visits that were due by the cut-off, and recorded.
-- counts: participants, due, received + outstanding
-- adds up: rows
-- of participants: due, received, outstanding
-- fixed: schedule, cutoff
with recorded as (select distinct subject, visit_number from visit where visit_number is not null)
select
  due.site,
  count(distinct due.subject) as participants,
  count(*) as due,
  count(recorded.subject) as received,
  count(*) - count(recorded.subject) as outstanding
from due_visit($schedule, $cutoff) as due
left join recorded
  on recorded.subject = due.subject and recorded.visit_number = due.visit_number
group by all
order by due.site

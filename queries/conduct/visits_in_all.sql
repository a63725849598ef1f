-- One row an arm of this view: visits that were due by the cut-off, and recorded.
-- counts: due, received + outstanding
-- adds up: rows
-- fixed: schedule, cutoff
with recorded as (select distinct subject, visit_number from visit where visit_number is not null)
select
  arm.arm,
  arm.position,
  count(due.subject) as due,
  count(recorded.subject) as received,
  count(due.subject) - count(recorded.subject) as outstanding
from arm
left join due_visit($schedule, $cutoff) as due on due.arm = arm.arm
left join recorded
  on recorded.subject = due.subject and recorded.visit_number = due.visit_number
group by all
order by arm.position

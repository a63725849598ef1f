-- One row an arm of this view: visits that were due by the cut-off, and recorded; and `ended`, those
-- before whose day the participant had died or left.
-- alone: due + ended, received + outstanding + ended
-- fixed: schedule, cutoff
with recorded as (select distinct subject, visit_number from visit where visit_number is not null)
select
  arm.arm,
  arm.position,
  count(*) filter (where planned.is_due) as due,
  count(recorded.subject) filter (where planned.is_due) as received,
  count(*) filter (where planned.is_due and recorded.subject is null) as outstanding,
  count(*) filter (where not planned.is_due) as ended
from arm
left join planned_visit($schedule, $cutoff) as planned on planned.arm = arm.arm
left join recorded
  on recorded.subject = planned.subject and recorded.visit_number = planned.visit_number
group by all
order by arm.position

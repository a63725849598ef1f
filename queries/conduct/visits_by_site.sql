-- One row a site: visits that were due by the cut-off, and recorded; and `ended`, those before whose day
-- the participant had died or left.
-- merged by site: participants, due, received, outstanding, ended
-- fixed: schedule, cutoff
with recorded as (select distinct subject, visit_number from visit where visit_number is not null)
select
  planned.site,
  count(distinct planned.subject) filter (where planned.is_due) as participants,
  count(*) filter (where planned.is_due) as due,
  count(recorded.subject) filter (where planned.is_due) as received,
  count(*) filter (where planned.is_due and recorded.subject is null) as outstanding,
  count(*) filter (where not planned.is_due) as ended
from planned_visit($schedule, $cutoff) as planned
left join recorded
  on recorded.subject = planned.subject and recorded.visit_number = planned.visit_number
group by all
having due > 0
order by planned.site

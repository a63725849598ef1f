-- One row an arm and a measure: how often a result was due by the cut-off, and received; and `ended`,
-- how often the participant had died or left before the day of the visit.
-- merged by measure within arm, domain: due, received, outstanding, ended
-- fixed: schedule, plan, cutoff
with visits as (
  select
    arm, position, visit_number, in_hospital,
    count(*) filter (where is_due) as visits, count(*) filter (where not is_due) as ended
  from planned_visit_and_stay($schedule, $cutoff)
  group by all
),
due as (
  select
    planned.domain, planned.measure, visits.arm, visits.position,
    sum(visits.visits)::bigint as due, sum(visits.ended)::bigint as ended
  from visits
  inner join (select unnest($plan, recursive := true)) as planned
    on planned.number = visits.visit_number
  where visits.in_hospital or not planned.in_hospital
  group by all
),
received as (
  select measure, arm, count(*) as received
  from received_measure($schedule, $plan, $cutoff)
  group by all
)
select
  due.domain,
  due.measure,
  due.arm,
  due.position,
  due.due,
  coalesce(received.received, 0) as received,
  due.due - coalesce(received.received, 0) as outstanding,
  due.ended
from due
left join received on received.measure = due.measure and received.arm = due.arm
where due.due > 0
order by due.domain, due.measure, due.position

-- One row a dataset and a number of full weeks since a visit's window closed: how often due, received;
-- and `ended`, how often the participant had died or left before its day.
-- merged by weeks within dataset: due, received, outstanding, ended
-- fixed: schedule, plan, cutoff
with planned as (select distinct number, domain, in_hospital from (
  select unnest($plan, recursive := true)
)),
visits as (
  select
    'SV' as dataset,
    closed,
    count(*) filter (where is_due) as visits,
    count(*) filter (where not is_due) as ended
  from planned_visit($schedule, $cutoff)
  group by all
  union all
  select
    planned.domain,
    visit.closed,
    count(distinct (visit.subject, visit.visit_number)) filter (where visit.is_due),
    count(distinct (visit.subject, visit.visit_number)) filter (where not visit.is_due)
  from planned_visit_and_stay($schedule, $cutoff) as visit
  inner join planned on planned.number = visit.visit_number
  where visit.in_hospital or not planned.in_hospital
  group by all
),
received as (
  select 'SV' as dataset, due.closed, count(*) as received
  from due_visit($schedule, $cutoff) as due
  where exists (
    select 1 from visit
    where visit.subject = due.subject and visit.visit_number = due.visit_number
  )
  group by all
  union all
  select domain, closed, count(distinct (subject, visit_number))
  from received_measure($schedule, $plan, $cutoff)
  group by all
)
select
  visits.dataset,
  least(date_diff('day', visits.closed, $cutoff) // 7, 4) as weeks,
  sum(visits.visits)::bigint as due,
  coalesce(sum(received.received), 0)::bigint as received,
  (sum(visits.visits) - coalesce(sum(received.received), 0))::bigint as outstanding,
  sum(visits.ended)::bigint as ended
from visits
left join received on received.dataset = visits.dataset and received.closed = visits.closed
group by all
having sum(visits.visits) > 0
order by visits.dataset, weeks

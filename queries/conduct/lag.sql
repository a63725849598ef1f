-- One row a dataset and a number of full weeks since a visit's window closed: how often due, received.
-- counts: due, received + outstanding
-- adds up: rows within dataset
-- fixed: schedule, plan, cutoff
with planned as (select distinct number, domain, in_hospital from (
  select unnest($plan, recursive := true)
)),
visits as (
  select 'SV' as dataset, closed, count(*) as visits
  from due_visit($schedule, $cutoff)
  group by all
  union all
  select planned.domain, due.closed, count(distinct (due.subject, due.visit_number))
  from due_visit_and_stay($schedule, $cutoff) as due
  inner join planned on planned.number = due.visit_number
  where due.in_hospital or not planned.in_hospital
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
  (sum(visits.visits) - coalesce(sum(received.received), 0))::bigint as outstanding
from visits
left join received on received.dataset = visits.dataset and received.closed = visits.closed
group by all
order by visits.dataset, weeks

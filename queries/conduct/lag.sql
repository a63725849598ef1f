-- One row a dataset and a number of full weeks since a visit's window closed: how often due, received.
-- counts: due, received + outstanding
-- adds up: rows within dataset
-- fixed: schedule, plan, cutoff
with recorded as (select distinct subject, visit_number from visit where visit_number is not null),
of_a_visit as (
  select 'SV' as dataset, due.closed, recorded.subject is not null as is_received
  from due_visit($schedule, $cutoff) as due
  left join recorded
    on recorded.subject = due.subject and recorded.visit_number = due.visit_number
  union all
  select domain, closed, bool_or(is_received)
  from due_measure($schedule, $plan, $cutoff)
  group by domain, closed, subject, visit_number
)
select
  dataset,
  least(date_diff('day', closed, $cutoff) // 7, 4) as weeks,
  count(*) as due,
  count(*) filter (where is_received) as received,
  count(*) filter (where not is_received) as outstanding
from of_a_visit
group by all
order by dataset, weeks

-- One row an arm and a measure: how often a result was due by the cut-off, and received.
-- counts: due, received + outstanding
-- adds up: rows within arm
-- fixed: schedule, plan, cutoff
select
  domain,
  measure,
  arm,
  position,
  count(*) as due,
  count(*) filter (where is_received) as received,
  count(*) filter (where not is_received) as outstanding
from due_measure($schedule, $plan, $cutoff)
group by all
order by domain, measure, position

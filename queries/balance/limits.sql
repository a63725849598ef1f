-- One row an arm, a measure that eligibility is decided by, and a step of its values: randomized
-- participants, and how many of them are outside the limits. A step reaches up to and including its
-- end, which is `bin` steps above the limit it is counted from.
select
  measure,
  arm,
  position,
  side,
  ceil((value - struct_extract(origin, 'at')) / struct_extract(origin, 'step'))::bigint as bin,
  count(*) as participants
from (
  select *, list_filter($bins, lambda step: step.measure = measure)[1] as origin
  from held_against_limits($limits)
)
group by all
order by measure, position, bin nulls last, side

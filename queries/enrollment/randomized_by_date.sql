-- One row a date on which somebody was randomized: how many were randomized by then.
-- open: that somebody was randomized on a day says nothing of what followed
with by_date as (
  select randomization_date as date, count(*) as randomized
  from participant
  where randomized and randomization_date is not null
  group by all
)
select date, cast(sum(randomized) over (order by date) as bigint) as cumulative
from by_date
order by date

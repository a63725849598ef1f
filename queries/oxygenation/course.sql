-- One row a planned day and an arm: the participants with the value, median and quartiles, and which
-- support they had on the day.
select
  planned_day,
  arm,
  position,
  count(*) as n,
  quantile_cont(value, 0.5) as median,
  quantile_cont(value, 0.25) as lower_quartile,
  quantile_cont(value, 0.75) as upper_quartile,
  count(*) filter (where support >= 3) as on_invasive,
  count(*) filter (where support = 2) as on_high_flow,
  count(*) filter (where support = 1) as on_oxygen,
  count(*) filter (where support is null) as on_none
from day_state($what, [], $days, $rules, $filters, $cutoff)
where value is not null
group by planned_day, arm, position
order by planned_day, position

-- One row a value of a participant on a planned day; who is whose is told by a number only.
select
  dense_rank() over (order by position, subject) as line,
  position,
  planned_day,
  value
from day_state($what, [], $days, $rules, $filters, $cutoff)
where value is not null
order by line, planned_day

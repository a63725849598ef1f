-- One row a participant whom the filters leave: where they stand on one planned day, be it a band of
-- the value or what became of them.
select
  arm,
  position,
  site,
  stratum,
  state
from day_state($what, $bands, $days, $rules, $filters, $cutoff)
where planned_day = $planned_day
order by position, state, subject
-- One row a participant whom the filters leave: where they stand in the rank-based composite of a day,
-- or why they do not, and PaO2/FiO2 where it is that which ranks them.
select
  arm,
  position,
  site,
  stratum,
  state,
  rung is not null as is_ranked,
  case when rung = 'ratio' then ratio end as ratio
from composite_rung($planned_day, $composite, $rules, $filters, $cutoff)
order by position, state, ratio nulls last, subject

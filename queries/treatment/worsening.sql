-- One row an arm in which anything was given and a criterion: doses given, those of which it can be
-- told, those with worsening, of these the ones by the day only, and participants with any.
with chosen as (
  select near.*
  from worsening_near_dose($rules) as near
  inner join chosen_participant($filters, $cutoff) using (subject)
)
select
  criterion,
  arm,
  position,
  count(*) as doses,
  count(*) filter (where is_evaluable) as evaluable,
  count(*) filter (where is_evaluable and is_met) as with_worsening,
  count(*) filter (where is_evaluable and is_met and not by_the_hour) as by_day_only,
  count(distinct subject) as treated,
  count(distinct subject) filter (where is_evaluable and is_met) as participants
from chosen
group by criterion, arm, position
order by
  list_position(
    ['vasopressor', 'PEEP', 'FiO2', 'intubation', 'arrhythmia', 'arrest or death'], criterion
  ),
  position

-- One row a study day, an arm and what is known of participants on that day: how many, and how many
-- of these are past it.
select
  asked_day,
  arm,
  position,
  state,
  count(*) as participants,
  count(*) filter (where is_past) as past
from vital_state($days, $schedule, $filters, $cutoff)
group by asked_day, arm, position, state
order by asked_day, position, state

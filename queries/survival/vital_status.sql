-- One row a study day, an arm and what is known of participants on that day: how many, and of how many
-- the day was not after the cut-off.
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

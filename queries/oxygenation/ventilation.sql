-- One row an arm and what is known of invasive ventilation up to a day: the participants.
select arm, position, state, count(*) as participants
from ventilation_state($until, $schedule, $filters, $cutoff)
group by arm, position, state
order by position, state

-- One row a participant of whom this is known of invasive ventilation up to a day, of an arm; of
-- those whom the filters leave.
select subject, site, arm, $label as why
from ventilation_state($until, $schedule, $filters, $cutoff)
where state = $state and arm = $arm
order by subject

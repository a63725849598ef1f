-- One row a participant whom the filters leave of whom this is known of invasive ventilation up to a
-- day, of an arm.
select subject, site, arm, $label as why
from ventilation_state($until, $filters, $cutoff)
where state = $state and arm = $arm
order by subject

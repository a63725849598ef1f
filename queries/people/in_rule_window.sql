-- One row a participant with an event in the window of a stopping rule, of an arm, and why they are in
-- the list.
select subject, site, arm, what as why
from rule_window($terms, $group, $window_days, $after_dose, $filters, $cutoff)
where has_event and ($arm is null or arm = $arm)
order by subject

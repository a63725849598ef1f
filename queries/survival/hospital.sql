-- One row a randomized participant whom the filters leave: how the stay in hospital on day 1 ended, and
-- on which study day, or until when it is known to have gone on.
select arm, position, state, day
from hospital_course($schedule, $filters, $cutoff)
order by position, state, day nulls last

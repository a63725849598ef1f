-- One row a randomized participant whom the filters leave: the study day of death, or the last one on
-- which they are known to have been alive.
select arm, position, site, stratum, day, is_dead, is_earliest
from person_survival($schedule, $filters, $cutoff)
order by position, day nulls last, is_dead, is_earliest, site, stratum

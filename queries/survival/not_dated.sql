-- One row: deaths of participants whom the filters leave that are not dated to the day, and so stand on
-- the earliest day that they can have been.
select count(*) as deaths
from chosen_participant($filters, $cutoff)
where ended = 'died' and death_date is null and day_one is not null

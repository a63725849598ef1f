-- One row a number of days from screening to randomization: how many participants it took so long.
-- open: the time before randomization, when nobody has an arm
select date_diff('day', screening_date, randomization_date) as days, count(*) as participants
from participant
where randomized and screening_date is not null and randomization_date is not null
group by all
order by days

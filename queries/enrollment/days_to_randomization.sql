-- One row a number of days from screening to randomization: how many participants it took so long.
-- counts: participants
-- adds up: rows
select date_diff('day', screening_date, randomization_date) as days, count(*) as participants
from participant
where randomized and screening_date is not null and randomization_date is not null
group by all
order by days

-- One row a date on which somebody was randomized: how many.
select randomization_date as date, count(*) as randomized
from participant
where randomized and randomization_date is not null
group by all
order by date

-- One row an arm and a date of randomization: participants randomized on it. Of one date the order is
-- not known.
select randomization_date as date, arm, position, count(*) as randomized
from allocated
where kind = 'site'
group by all
order by date nulls last, position

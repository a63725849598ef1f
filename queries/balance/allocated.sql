-- One row an arm and a site, stratum or calendar month: participants randomized.
select kind, value, arm, position, count(*) as randomized
from allocated
group by all
order by kind, value, position

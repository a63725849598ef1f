-- One row a site or sex of randomized participants, by which the board can filter.
select distinct 'site' as name, coalesce(site, '(no site)') as value
from participant where randomized
union
select distinct 'sex', coalesce(sex, '(not recorded)') from participant where randomized
order by name, value

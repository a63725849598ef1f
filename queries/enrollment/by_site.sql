-- One row a site: screened, randomized, screen failures, and when it randomized.
-- open: how many came at a site, and when, says nothing of what followed
select
  coalesce(site, '(no site)') as site,
  count(*) as screened,
  count(*) filter (where randomized) as randomized,
  count(*) filter (where screening = 'failed') as screen_failures,
  count(*) filter (where screening = 'in screening') as in_screening,
  count(*) filter (where screening in ('not assigned', 'not known')) as not_known,
  min(randomization_date) as first_randomization,
  max(randomization_date) as last_randomization
from participant
left join standing using (subject)
group by all
order by site

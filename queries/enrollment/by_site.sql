-- One row a site: screened, randomized, screen failures, and when it randomized.
select
  coalesce(site, '(no site)') as site,
  count(*) as screened,
  count(*) filter (where randomized) as randomized,
  count(*) filter (where not randomized and screen_failure) as screen_failures,
  min(randomization_date) as first_randomization,
  max(randomization_date) as last_randomization
from participant
group by all
order by randomized desc, screened desc, site

-- One row a site: screened, randomized, screen failures, and when it randomized.
-- counts: screened, randomized + screen_failures + in_screening
-- adds up: rows
-- single: first_randomization, last_randomization
select
  coalesce(site, '(no site)') as site,
  count(*) as screened,
  count(*) filter (where randomized) as randomized,
  count(*) filter (where not randomized and screen_failure) as screen_failures,
  count(*) filter (where not randomized and not screen_failure) as in_screening,
  min(randomization_date) as first_randomization,
  max(randomization_date) as last_randomization
from participant
group by all
order by site

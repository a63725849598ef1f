-- One row: participants by where they stand in screening, and the first and last randomization.
-- counts: screened, randomized + screen_failures + in_screening, randomized_without_date
select
  count(*) as screened,
  count(*) filter (where randomized) as randomized,
  count(*) filter (where not randomized and screen_failure) as screen_failures,
  count(*) filter (where not randomized and not screen_failure) as in_screening,
  count(*) filter (where randomized and randomization_date is null) as randomized_without_date,
  min(randomization_date) as first_randomization,
  max(randomization_date) as last_randomization
from participant

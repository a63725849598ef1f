-- One row: participants by where they stand in screening, and the first and last randomization.
-- open: where people stand in screening, before anybody has an arm
select
  count(*) as screened,
  count(*) filter (where randomized) as randomized,
  count(*) filter (where screening = 'failed') as screen_failures,
  count(*) filter (where screening = 'in screening') as in_screening,
  count(*) filter (where screening in ('not assigned', 'not known')) as not_known,
  count(*) filter (where randomized and randomization_date is null) as randomized_without_date,
  count(*) filter (where randomized and randomization_date is null and randomized_month is not null)
    as dated_to_month,
  min(randomization_date) as first_randomization,
  max(randomization_date) as last_randomization
from participant
left join standing using (subject)

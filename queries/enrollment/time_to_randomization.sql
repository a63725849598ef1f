-- One row: randomized participants with both dates, and the days from screening to randomization.
-- open: the time before randomization, when nobody has an arm
select count(*) as participants, quantile_disc(days, 0.5) as median,
  count(*) filter (where days < 0) as negative, min(days) as shortest, max(days) as longest
from (
  select date_diff('day', screening_date, randomization_date) as days
  from participant
  where randomized and screening_date is not null and randomization_date is not null
)

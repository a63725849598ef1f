-- One row an arm and a reason: participants who left the study early, and the study day they left.
-- counts: participants
-- adds up: rows within arm
-- of participants: median_day
select
  reason,
  arm,
  position,
  count(*) as participants,
  quantile_disc(
    date_diff('day', day_one, leaving_date) + (leaving_date >= day_one)::integer, 0.5
  ) as median_day
from participation
where ended = 'left'
group by all
order by reason, position

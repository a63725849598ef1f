-- One row an arm and a reason: participants who left the study early, and the study day they left;
-- pooled, the counts of the whole trial alone, of which none is under the smallest cell.
-- merged by reason within arm: participants
-- withheld: median_day
-- outcome: leaving
select
  reason,
  arm,
  position,
  count(*) as participants,
  quantile_disc(
    date_diff('day', day_one, leaving_date) + (leaving_date >= day_one)::integer, 0.5
  ) as median_day
from participation
where ended = 'left' and reason is not null
group by all
union all
select reason, arm.arm, arm.position, participants, null
from left_in_all
cross join arm
order by reason, position

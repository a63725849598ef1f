-- One row an arm: the participants whom the filters leave, and the days for which those with a date of
-- randomization were observed.
-- counts: participants, dated + undated
-- of dated: observed_days
-- fixed: cutoff
select
  arm.arm,
  arm.position,
  count(chosen.subject) as participants,
  count(chosen.last_day - chosen.day_one) as dated,
  count(chosen.subject) - count(chosen.last_day - chosen.day_one) as undated,
  coalesce(sum(greatest(chosen.last_day - chosen.day_one + 1, 0)), 0)::bigint as observed_days
from arm
left join chosen_participant($filters, $cutoff) as chosen on chosen.arm = arm.arm
group by all
order by arm.position

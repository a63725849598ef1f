-- One row an arm: the participants whom the filters leave, and on how many of the chosen days those with
-- a date of randomization were observed. When everybody was randomized is known, so these days would
-- tell how long those were followed whose participation ended, and, from one release to the next, how
-- many they are.
-- alone: dated + undated, followed + not_followed
-- withheld: observed_days
-- fixed: cutoff
select
  arm.arm,
  arm.position,
  count(chosen.subject) as participants,
  count(chosen.last_day - chosen.day_one) as dated,
  count(chosen.subject) - count(chosen.last_day - chosen.day_one) as undated,
  count(*) filter (where chosen.is_not_followed) as not_followed,
  count(chosen.subject) - count(*) filter (where chosen.is_not_followed) as followed,
  coalesce(sum(chosen_days_observed(chosen.day_one, chosen.last_day, $filters)), 0)::bigint
    as observed_days
from arm
left join chosen_participant($filters, $cutoff) as chosen on chosen.arm = arm.arm
group by all
order by arm.position

-- One row an arm: the participants whom the filters leave, those with a date of randomization, and the
-- days of the chosen ones for which these were observed.
with observed as (
  select
    arm,
    day_one,
    greatest(
      least(
        last_day - day_one + 1, coalesce(struct_extract($filters, 'last_day')::bigint, 1000000)
      ) - greatest(coalesce(struct_extract($filters, 'first_day')::bigint, 1), 1) + 1,
      0
    ) as days
  from chosen_participant($filters, $cutoff)
)
select
  arm.arm,
  arm.position,
  count(observed.arm) as participants,
  count(observed.day_one) as dated,
  coalesce(sum(observed.days), 0)::bigint as observed_days
from arm
left join observed on observed.arm = arm.arm
group by arm.arm, arm.position
order by arm.position

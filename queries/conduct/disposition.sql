-- One row an arm of this view: its randomized participants by how the study ended for them.
-- counts: randomized, completed + died + left_study + in_follow_up + not_recorded
-- adds up: rows
-- fixed: last, cutoff
with standing as (
  select arm,
    coalesce(
      ended,
      case
        when date_of(day_one, $last.day) + $last.window_after::integer < $cutoff
          then 'not recorded'
        else 'in follow-up'
      end
    ) as standing
  from participation
)
select
  arm.arm,
  arm.position,
  count(standing.arm) as randomized,
  count(*) filter (where standing.standing = 'completed') as completed,
  count(*) filter (where standing.standing = 'died') as died,
  count(*) filter (where standing.standing = 'left') as left_study,
  count(*) filter (where standing.standing = 'in follow-up') as in_follow_up,
  count(*) filter (where standing.standing = 'not recorded') as not_recorded
from arm
left join standing on standing.arm = arm.arm
group by all
order by arm.position

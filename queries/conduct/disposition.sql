-- One row an arm of this view and a way in which the study ended for its randomized participants; in an
-- order in which what lies beside each other can be told together. `others`: how long ago everybody was
-- randomized is known, and so is how many can still be in follow-up, and how many can have completed.
-- merged by standing within arm: participants
-- beside: others
-- withheld: others
-- fixed: last, cutoff
-- outcome: leaving in standing left_study
-- outcome: deaths in standing died
with person as (
  select
    arm,
    ended,
    coalesce(date_of(day_one, $last.day) + $last.window_after::integer < $cutoff, false) as is_over
  from participation
),
stands as (
  select
    arm,
    is_over,
    coalesce(
      case ended when 'left' then 'left_study' else ended end,
      case when is_over then 'not_recorded' else 'in_follow_up' end
    ) as standing
  from person
),
known as (
  select
    arm,
    count(*) filter (where not is_over and standing <> 'in_follow_up') as ended_before,
    abs(
      count(*) filter (where is_over)
      - count(*) filter (where standing in ('completed', 'not_recorded'))
    ) as ended_otherwise
  from stands
  group by arm
),
way (standing, place) as (
  values ('in_follow_up', 1), ('completed', 2), ('left_study', 3), ('died', 4), ('not_recorded', 5)
)
select
  arm.arm,
  arm.position,
  way.standing,
  count(stands.arm) as participants,
  coalesce(
    case way.standing
      when 'in_follow_up' then any_value(known.ended_before)
      when 'completed' then any_value(known.ended_otherwise)
    end,
    0
  ) as others
from arm
cross join way
left join stands on stands.arm = arm.arm and stands.standing = way.standing
left join known on known.arm = arm.arm
group by arm.arm, arm.position, way.standing, way.place
order by arm.position, way.place

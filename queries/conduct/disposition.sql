-- One row an arm of this view and a way in which the study ended for its randomized participants; in an
-- order in which what lies beside each other can be told together.
-- merged by standing within arm: participants
-- fixed: last, cutoff
-- outcome: leaving in standing left_study
-- outcome: deaths in standing died
with stands as (
  select arm,
    coalesce(
      case ended when 'left' then 'left_study' else ended end,
      case
        when date_of(day_one, $last.day) + $last.window_after::integer < $cutoff
          then 'not_recorded'
        else 'in_follow_up'
      end
    ) as standing
  from participation
),
way (standing, place) as (
  values ('in_follow_up', 1), ('completed', 2), ('left_study', 3), ('died', 4), ('not_recorded', 5)
)
select arm.arm, arm.position, way.standing, count(stands.arm) as participants
from arm
cross join way
left join stands on stands.arm = arm.arm and stands.standing = way.standing
group by arm.arm, arm.position, way.standing, way.place
order by arm.position, way.place

-- One row an arm and a day of the schedule: randomized participants by what is known of them then.
-- counts: not_due + reached + died + left_study + not_recorded + undated
-- over time: rows within arm
-- fixed: schedule, cutoff
with planned as (select unnest($schedule, recursive := true)),
known as (
  select
    participation.arm,
    planned.day as planned_day,
    case
      when participation.day_one is null then 'undated'
      when date_of(day_one, planned.day) + planned.window_after::integer > $cutoff then 'not due'
      when death_date < date_of(day_one, planned.day) then 'died'
      when death_date >= date_of(day_one, planned.day) then 'reached'
      when greatest(last_contact, completion_date)
        >= date_of(day_one, planned.day) - planned.window_before::integer then 'reached'
      when ended = 'died' then 'died'
      when ended = 'left' then 'left'
      else 'not recorded'
    end as known
  from participation
  cross join planned
  left join last_contact using (subject)
)
select
  planned.visit,
  planned.day as planned_day,
  arm.arm,
  arm.position,
  count(*) filter (where known.known = 'not due') as not_due,
  count(*) filter (where known.known = 'reached') as reached,
  count(*) filter (where known.known = 'died') as died,
  count(*) filter (where known.known = 'left') as left_study,
  count(*) filter (where known.known = 'not recorded') as not_recorded,
  count(*) filter (where known.known = 'undated') as undated
from arm
cross join planned
left join known on known.arm = arm.arm and known.planned_day = planned.day
group by all
order by planned.day, arm.position

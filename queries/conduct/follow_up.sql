-- One row an arm and a day of the schedule: randomized participants by what is known of them then.
with known as (
  select
    state.arm,
    state.asked_day,
    case
      when state.state = 'undated' then 'undated'
      when not state.is_past then 'not due'
      when state.state = 'alive' then 'reached'
      when state.state = 'died' then 'died'
      when participation.ended = 'left' then 'left'
      else 'not recorded'
    end as known
  from vital_state(
    list_transform($schedule, visit -> visit.day), $schedule, $filters, $cutoff
  ) as state
  inner join participation using (subject)
),
planned as (select unnest($schedule, recursive := true))
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
left join known on known.arm = arm.arm and known.asked_day = planned.day
group by all
order by planned.day, arm.position

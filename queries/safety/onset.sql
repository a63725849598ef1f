-- One row an arm and a study day: events that began on it, all and those of grade 3 and more, and
-- the participants who were observed on it. Events without a day of onset have no study day.
with person as (select * from chosen_participant($filters, $cutoff)),
event as (
  select event.arm, event.study_day, event.grade
  from emergent_event as event
  inner join person using (subject)
  where on_chosen_day(event.study_day, $filters) and not event.is_later
),
study_day as (
  select unnest(range(1, coalesce((select max(last_day - day_one + 2) from person), 2))) as study_day
),
began as (
  select
    arm, study_day, count(*) as events, count(*) filter (where grade >= 3) as grade_3
  from event
  group by all
),
observed as (
  select person.arm, study_day.study_day, count(*) as observed
  from study_day
  inner join person on person.last_day - person.day_one + 1 >= study_day.study_day
  group by all
)
select
  arm.arm,
  arm.position,
  study_day.study_day,
  coalesce(began.events, 0) as events,
  if_graded(coalesce(began.grade_3, 0)) as grade_3,
  coalesce(observed.observed, 0) as observed
from arm
cross join study_day
left join began on began.arm = arm.arm and began.study_day = study_day.study_day
left join observed on observed.arm = arm.arm and observed.study_day = study_day.study_day
where on_chosen_day(study_day.study_day, $filters)
order by arm.position, study_day.study_day

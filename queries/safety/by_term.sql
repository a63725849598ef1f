-- One row an arm, a body system and a preferred term, null for all of the body system: participants
-- with such an event since randomization, by its highest grade, and events.
with event as (
  select event.*
  from emergent_event as event
  inner join chosen_participant($filters, $cutoff) using (subject)
  where on_chosen_day(event.study_day, $filters)
),
of_person as (
  select
    arm,
    position,
    body_system,
    preferred_term,
    subject,
    count(*) as events,
    max(grade) as grade,
    bool_or(is_serious) as is_serious
  from event
  group by grouping sets (
    (arm, position, body_system, preferred_term, subject), (arm, position, body_system, subject)
  )
)
select
  body_system,
  preferred_term,
  arm,
  position,
  count(*) as participants,
  sum(events)::bigint as events,
  if_serious(count(*) filter (where is_serious)) as serious,
  if_graded(count(*) filter (where grade is null)) as grade_unknown,
  if_graded(count(*) filter (where grade = 1)) as grade_1,
  if_graded(count(*) filter (where grade = 2)) as grade_2,
  if_graded(count(*) filter (where grade = 3)) as grade_3,
  if_graded(count(*) filter (where grade = 4)) as grade_4,
  if_graded(count(*) filter (where grade = 5)) as grade_5
from of_person
group by body_system, preferred_term, arm, position
order by body_system, preferred_term nulls first, position

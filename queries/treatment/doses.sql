-- One row an arm and a planned dose: participants to whom it was due, or given, by how it was given.
with due as (
  select subject, visit_number as dose from due_visit($doses, $cutoff) where list_contains($arms, arm)
),
-- In their order; one that is recorded as not given keeps its place.
numbered as (
  select
    participation.subject,
    row_number() over (
      partition by participation.subject
      order by administration.start_date nulls last, administration.record_key
    ) as dose,
    administration.is_given,
    administration.start_date,
    participation.day_one
  from administration
  inner join participation using (subject)
  where list_contains($arms, participation.arm)
    and coalesce(administration.start_date <= $cutoff, true)
),
given as (
  select
    numbered.subject,
    numbered.dose,
    abs(numbered.start_date - date_of(numbered.day_one, planned.day)) as days_off
  from numbered
  inner join (select unnest($doses, recursive := true)) as planned
    on planned.number = numbered.dose
  where numbered.is_given
),
person as (
  select
    coalesce(due.subject, given.subject) as subject,
    coalesce(due.dose, given.dose) as dose,
    given.subject is not null as is_given,
    given.days_off
  from due
  full join given on given.subject = due.subject and given.dose = due.dose
)
select
  arm.arm,
  arm.position,
  planned.number::integer as dose,
  planned.day as planned_day,
  count(person.subject) as due,
  count(*) filter (where person.days_off <= planned.window_after) as in_window,
  count(*) filter (
    where person.is_given and coalesce(person.days_off > planned.window_after, true)
  ) as outside_window,
  count(*) filter (where not person.is_given) as not_given
from arm
cross join (select unnest($doses, recursive := true)) as planned
left join (person inner join participation using (subject))
  on participation.arm = arm.arm and person.dose = planned.number
where list_contains($arms, arm.arm)
group by all
order by dose, arm.position

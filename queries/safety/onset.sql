-- One row an arm and a period, of a week or in long studies of four: events that began in it, all and
-- those of grade 3 and more, days observed, and sums over participants of the squares of events and
-- days and of their products; `participants` are those observed. Events without a day of onset have no
-- period.
with person as (select * from followed($filters, $cutoff)),
study as (
  select max(last_day) as last_day, if(max(last_day) <= 70, 7, 28) as step
  from person
  where days > 0
),
period as (
  select from_day, from_day + step - 1 as to_day
  from (select unnest(range(1, last_day + 1, step)) as from_day, step from study)
),
event as (
  select
    subject,
    (study_day - 1) // (select step from study) * (select step from study) + 1 as from_day,
    count(*) as events,
    count(*) filter (where grade >= 3) as grade_3
  from emergent_event
  where on_chosen_day(study_day, $filters) and study_day is not null and not is_later
  group by all
),
each as (
  select
    person.arm,
    person.position,
    period.from_day,
    period.to_day,
    coalesce(event.events, 0) as events,
    coalesce(event.grade_3, 0) as grade_3,
    if(
      person.days > 0,
      greatest(
        least(person.last_day, period.to_day)
          - greatest(period.from_day, coalesce(struct_extract($filters, 'first_day')::bigint, 1)) + 1,
        0
      ),
      0
    ) as days
  from person
  cross join period
  left join event on event.subject = person.subject and event.from_day = period.from_day
),
counted as (
  select
    arm,
    position,
    from_day,
    to_day,
    sum(grade_3)::bigint as grade_3,
    sums_of(events, days) as sums
  from each
  group by arm, position, from_day, to_day
)
select arm, position, from_day, to_day, if_graded(grade_3) as grade_3, sums.*
from counted
order by position, from_day

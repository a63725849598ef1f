-- One row a participant whom the filters leave: from which study day to which they had support of at
-- least a rank, the day of death, and through which day they are known. Day 1 is the day of
-- randomization, the day before it is 0. Who is whose is told by a number only. An end that is not
-- known to the day makes the spans undated; support without any end goes on. Nobody has a number
-- before they are past the day (`is_past`), not even the dead: the others who began with them have
-- none either. Who died, when, and of whom it is not known is told as for vital status. Who completed
-- the study within the window of that day's visit is known through the day.
with person as (
  select chosen.*, vital.is_past, vital.is_dead, vital.day as vital_day, vital.state as vital
  from chosen_participant($filters, $cutoff) as chosen
  inner join vital_state([$until], $schedule, $filters, $cutoff) as vital using (subject)
),
supported as (
  select
    person.subject,
    list(
      struct_pack(
        first_day := respiratory_support.start_date - person.day_one + 1,
        last_day := respiratory_support.end_date - person.day_one + 1
      )
      order by respiratory_support.start_date nulls first, respiratory_support.end_date nulls last
    ) as spans,
    bool_or(
      respiratory_support.end_date is null
      and respiratory_support.end_date_text is not null
      and coalesce(respiratory_support.start_date < person.day_one + $until::integer, true)
    ) as is_undated
  from person
  inner join respiratory_support using (subject)
  where respiratory_support.support >= $least_support
    and coalesce(respiratory_support.end_date >= person.day_one, true)
  group by person.subject
)
select
  dense_rank() over (order by person.position, person.subject) as line,
  person.arm,
  person.position,
  person.site,
  person.stratum,
  person.is_past,
  case when person.is_dead then person.vital_day end as death_day,
  case
    when person.is_dead then person.vital_day
    when person.vital = 'not_known' then null
    when person.ended = 'completed' and person.last_day - person.day_one + 1 >= $completed_from
      then greatest(person.last_day - person.day_one + 1, $until::integer)
    else person.last_day - person.day_one + 1
  end as last_known_day,
  coalesce(supported.spans, []) as spans,
  coalesce(supported.is_undated, false) as is_undated
from person
left join supported using (subject)
order by line

-- One row a participant whom the filters leave: on which study days invasive ventilation began and
-- ended (no end while it goes on), on which they died, and until which they were observed. Who died
-- on a day that is not known has no day of observation.
with person as (select * from chosen_participant($filters, $cutoff)),
span as (
  select
    person.subject,
    list(
      {
        'first': respiratory_support.start_date - person.day_one + 1,
        'last': respiratory_support.end_date - person.day_one + 1
      }
      order by respiratory_support.start_date, respiratory_support.record_key
    ) as spans,
    count(*) filter (where respiratory_support.start_date is null) as undated
  from person
  inner join respiratory_support using (subject)
  where respiratory_support.support >= 3
  group by person.subject
)
select
  person.arm,
  person.position,
  coalesce(span.undated, 0) as undated,
  coalesce(span.spans, []) as spans,
  person.death_date - person.day_one + 1 as death_day,
  case when person.ended = 'died' and person.death_date is null then null
    else person.last_day - person.day_one + 1 end as last_known_day
from person
left join span using (subject)
where person.day_one is not null
order by person.position, person.subject

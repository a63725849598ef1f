-- One row a thing that lasted, or happened on one day: visits, support, stays, medication, doses and
-- events of a participant, on study days. An end that is not known is null.
with person as (select subject, day_one from participation where subject = $subject),
span as (
  select 1 as lane, 'Visit' as kind, coalesce(visit, '(no name)') as name, null::bigint as grade,
    start_date, start_date as end_date, false as goes_on, false as is_serious
  from visit where subject = $subject
  union all
  select 2, 'Hospital', if(place = 'ICU', 'Intensive care', 'Hospital'), null, start_date, end_date,
    end_date is null, false
  from hospital_stay where subject = $subject
  union all
  select 3, 'Respiratory support', procedure_class, null, start_date, end_date, end_date is null, false
  from respiratory_support where subject = $subject
  union all
  select 4, 'Other procedure', procedure_class, null, start_date, end_date, end_date is null, false
  from procedure where subject = $subject and support is null and procedure_class is not null
  union all
  select 5, 'Medication', medication_class, null, start_date, end_date, end_date is null, false
  from medication where subject = $subject and medication_class is not null
  union all
  select 6, 'Dose', 'Dose', null, start_date, start_date, false, false
  from dose_given where subject = $subject
  union all
  select 7, 'Adverse event', preferred_term, grade, start_date, end_date,
    end_date is null and coalesce(outcome, '') not like 'RECOVERED%', is_serious
  from emergent_event where subject = $subject
)
select
  span.lane, span.kind, span.name, span.grade, span.is_serious, span.goes_on,
  case when span.start_date >= person.day_one then span.start_date - person.day_one + 1
    else span.start_date - person.day_one end as first_day,
  case when span.end_date >= person.day_one then span.end_date - person.day_one + 1
    else span.end_date - person.day_one end as last_day
from span
cross join person
where span.start_date is not null and person.day_one is not null
order by span.lane, first_day, span.name, last_day nulls last, span.grade nulls last

-- Every view: how the study ended for each randomized participant, and what was due by the cut-off.

-- A table in the connection's own memory: most questions begin with it.
create table participation as
with ending as (
  select subject, upper(trim(disposition)) as reason, start_date
  from study_disposition
  where coalesce(upper(trim(category)), 'DISPOSITION EVENT') = 'DISPOSITION EVENT'
    and upper(trim(disposition)) not in (
      'INFORMED CONSENT OBTAINED', 'RANDOMIZED', 'SCREEN FAILURE', 'SCREENING FAILURE'
    )
),
ended as (
  select
    subject,
    bool_or(reason = 'DEATH') as died,
    min(start_date) filter (where reason = 'DEATH') as death_date,
    bool_or(reason = 'COMPLETED') as completed,
    min(start_date) filter (where reason = 'COMPLETED') as completion_date,
    first(reason order by start_date nulls last, reason)
      filter (where reason not in ('DEATH', 'COMPLETED')) as reason,
    min(start_date) filter (where reason not in ('DEATH', 'COMPLETED')) as leaving_date
  from ending
  group by subject
)
select
  participant.subject,
  participant.arm,
  participant.position,
  coalesce(participant.site, '(no site)') as site,
  participant.randomization_date as day_one,
  case
    when participant.died or coalesce(ended.died, false) then 'died'
    when ended.completed then 'completed'
    when ended.reason is not null then 'left'
  end as ended,
  ended.reason,
  coalesce(participant.death_date, ended.death_date) as death_date,
  ended.completion_date,
  ended.leaving_date
from participant
left join ended using (subject)
where participant.randomized and participant.arm is not null;

-- A day of the schedule as a date: day 1 is the date of randomization, and there is no day 0.
create macro date_of(day_one, day) as day_one + (day - (day > 0)::integer)::integer;

-- One row a randomized participant and a visit that was due by the cut-off: its window had closed,
-- and they were alive and in the study on its day.
create macro due_visit(schedule, cutoff) as table
select
  participation.subject,
  participation.arm,
  participation.position,
  participation.site,
  planned.number as visit_number,
  planned.visit,
  planned.day as planned_day,
  date_of(participation.day_one, planned.day) as planned_date,
  date_of(participation.day_one, planned.day) + planned.window_after::integer as closed
from participation
cross join (select unnest(schedule, recursive := true)) as planned
where date_of(participation.day_one, planned.day) + planned.window_after::integer <= cutoff
  and case
    when participation.ended in ('died', 'left') then
      least(participation.death_date, participation.leaving_date)
        > date_of(participation.day_one, planned.day)
    else true
  end;

-- One row a result of a measure at a visit of the schedule.
create view result_at_visit as
select subject, visit_number, measure, result_text from laboratory
union all
select subject, visit_number, measure, result_text from vital_sign
union all
select subject, visit_number, measure, result_text from respiratory_measurement
union all
select subject, visit_number, measure, result_text from clinical_scale
union all
select subject, visit_number, measure, result_text from cell_phenotype
union all
select subject, visit_number, measure, result_text from ecg
union all
select subject, visit_number, measure, result_text from questionnaire;

-- One row a due visit, with whether the participant is known to have been in hospital on its day.
create macro due_visit_and_stay(schedule, cutoff) as table
select
  due.*,
  exists (
    select 1 from hospital_stay as stay
    where stay.subject = due.subject and stay.start_date <= due.planned_date
      and coalesce(stay.end_date, due.planned_date) >= due.planned_date
  ) as in_hospital
from due_visit(schedule, cutoff) as due;

-- One row a due visit and a measure that is planned at it and has a result there. What is planned
-- in hospital is due to whoever is known to have been there on the day.
create macro received_measure(schedule, plan, cutoff) as table
select distinct
  due.subject, due.arm, due.position, due.visit_number, due.closed, planned.domain, planned.measure
from result_at_visit as result
inner join (select unnest(plan, recursive := true)) as planned
  on planned.number = result.visit_number and planned.measure = result.measure
inner join due_visit_and_stay(schedule, cutoff) as due
  on due.subject = result.subject and due.visit_number = result.visit_number
where result.result_text is not null and (due.in_hospital or not planned.in_hospital);

-- One row a stay in hospital. One in intensive care says nothing of discharge where the stay in
-- hospital is recorded, too.
create view stay_in_hospital as
select subject, start_date, end_date, end_date_text
from hospital_stay
where upper(trim(place)) = 'HOSPITAL'
  or subject not in (
    select subject from hospital_stay where upper(trim(place)) = 'HOSPITAL' and subject is not null
  );

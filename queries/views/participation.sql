-- Every view: how the study ended for each randomized participant, and what was due by the cut-off.

-- What a load decided, see data_validation/known.py. A table in the connection's own memory: most
-- questions begin with it.
create table participation as
select
  participant.subject,
  participant.arm,
  participant.position,
  coalesce(participant.site, '(no site)') as site,
  participant.randomization_date as day_one,
  standing.ended,
  why_left.reason,
  standing.death_date,
  standing.completion_date,
  standing.leaving_date,
  standing.observed_until,
  standing.observed_by,
  standing.alive_until
from participant
left join standing using (subject)
left join why_left using (subject)
where participant.randomized and participant.arm is not null;

-- A day of the schedule as a date: day 1 is the date of randomization, and there is no day 0.
create macro date_of(day_one, day) as day_one + (day - (day > 0)::integer)::integer;

-- One row a randomized participant and a visit whose window had closed by the cut-off, and whether it
-- was due: they were alive and in the study on its day.
create macro planned_visit(schedule, cutoff) as table
select
  participation.subject,
  participation.arm,
  participation.position,
  participation.site,
  planned.number as visit_number,
  planned.visit,
  planned.day as planned_day,
  date_of(participation.day_one, planned.day) as planned_date,
  date_of(participation.day_one, planned.day) + planned.window_after::integer as closed,
  case
    when participation.ended in ('died', 'left') then
      coalesce(
        least(participation.death_date, participation.leaving_date)
          > date_of(participation.day_one, planned.day),
        false
      )
    else true
  end as is_due
from participation
cross join (select unnest(schedule, recursive := true)) as planned
where date_of(participation.day_one, planned.day) + planned.window_after::integer <= cutoff;

-- One row a randomized participant and a visit that was due by the cut-off.
create macro due_visit(schedule, cutoff) as table
select * exclude (is_due) from planned_visit(schedule, cutoff) where is_due;

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

-- One row a visit whose window had closed, with whether the participant is known to have been in
-- hospital on its day.
create macro planned_visit_and_stay(schedule, cutoff) as table
select
  visit.*,
  exists (
    select 1 from hospital_stay as stay
    where stay.subject = visit.subject and stay.start_date <= visit.planned_date
      and coalesce(stay.end_date, visit.planned_date) >= visit.planned_date
  ) as in_hospital
from planned_visit(schedule, cutoff) as visit;

-- One row a due visit and a measure that is planned at it and has a result there. What is planned
-- in hospital is due to whoever is known to have been there on the day.
create macro received_measure(schedule, plan, cutoff) as table
select distinct
  due.subject, due.arm, due.position, due.visit_number, due.closed, planned.domain, planned.measure
from result_at_visit as result
inner join (select unnest(plan, recursive := true)) as planned
  on planned.number = result.visit_number and planned.measure = result.measure
inner join planned_visit_and_stay(schedule, cutoff) as due
  on due.subject = result.subject and due.visit_number = result.visit_number and due.is_due
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

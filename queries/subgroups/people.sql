-- One row a participant whom the filters leave: the arm, what they belonged to at baseline (null where
-- it is not recorded), whether they are past a day and whether they died by it, whether they had a
-- serious event, and where they stand in the rank-based composite of another day, if at all.
with person as (
  select chosen.*, baseline_severity.value as severity_value
  from chosen_participant($filters, $cutoff) as chosen
  left join baseline_severity using (subject)
),
serious as (
  select distinct event.subject
  from emergent_event as event
  where event.is_serious and on_chosen_day(event.study_day, $filters)
),
age_band as (
  select
    unnest(
      $age_bands::struct(
        name varchar, at_least double, above double, below double, at_most double
      )[],
      recursive := true
    )
),
severity_band as (
  select
    unnest(
      $severity_bands::struct(
        name varchar, at_least double, above double, below double, at_most double
      )[],
      recursive := true
    )
)
select
  person.arm,
  person.position,
  person.sex,
  age_band.name as age,
  severity_band.name as severity,
  person.site,
  vital.is_past,
  vital.is_past and vital.state in ('died', 'alive') as is_known,
  vital.state = 'died' as died,
  serious.subject is not null as had_serious,
  ranked.rung as state,
  ranked.ratio
from person
inner join vital_state([$day], $schedule, $filters, $cutoff) as vital using (subject)
left join serious using (subject)
left join composite_rung($planned_day, $composite, $rules, $filters, $cutoff) as ranked
  using (subject)
left join age_band on in_band(person.age, age_band)
left join severity_band on in_band(person.severity_value, severity_band)
order by person.position, person.subject

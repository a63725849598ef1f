-- One row a participant and a marker with both values of both: by how much the marker, as a ratio to
-- the baseline, and PaO2/FiO2, in mmHg, had changed on a planned day. Who died by its date is not
-- among them.
with result as (
  select subject, measure, value, is_baseline, planned_day
  from laboratory
  where value is not null and list_contains($measures, measure)
  union all
  select subject, measure, value, is_baseline, planned_day
  from cell_phenotype
  where value is not null and list_contains($measures, measure)
),
marker as (
  select
    subject,
    measure,
    min(value) filter (where is_baseline) as before,
    favg(value order by value) filter (where planned_day = $planned_day) as after
  from result
  group by subject, measure
),
gas as (select subject, pao2_fio2 from blood_gas where is_baseline)
select
  person.arm,
  person.position,
  marker.measure,
  marker.after / marker.before as fold,
  person.ratio - gas.pao2_fio2 as change
from person_day([$planned_day], $rules, $filters, $cutoff) as person
inner join gas using (subject)
inner join marker using (subject)
where person.ratio is not null and marker.before > 0 and marker.after > 0
order by person.position, marker.measure, person.subject

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
before as (
  select subject, measure, min(value) as value
  from result
  where is_baseline
  group by subject, measure
),
after as (
  select subject, measure, mean_of(value) as value
  from result
  where planned_day = $planned_day
  group by subject, measure
),
gas as (select subject, pao2_fio2 from blood_gas where is_baseline)
select
  person.arm,
  person.position,
  after.measure,
  after.value / before.value as fold,
  person.value - gas.pao2_fio2 as change
from person_day('ratio', [$planned_day], $rules, $filters, $cutoff) as person
inner join gas using (subject)
inner join after using (subject)
inner join before on before.subject = after.subject and before.measure = after.measure
where person.value is not null and before.value > 0 and after.value > 0
order by person.position, after.measure, person.subject

-- Every view: one row a participant with a value at baseline of the measure that says how ill they
-- were. A table in the connection's own memory, as every question that knows filters asks it.
create table baseline_severity as
select subject, value
from (
  select subject, measure, value from laboratory where is_baseline
  union all
  select subject, measure, value from vital_sign where is_baseline
  union all
  select subject, measure, value from clinical_scale where is_baseline
  union all
  select subject, measure, value from respiratory_measurement where is_baseline
  union all
  select subject, 'pao2_fio2' as measure, pao2_fio2 as value from blood_gas where is_baseline
) as baseline
where measure = $severity_measure

-- One row a usable result of a participant: its measure, study day and value; of laboratory tests the
-- limits of normal as recorded, and the result as a multiple of the upper one. Blood gases that are not
-- the value of the day have a name of their own.
with result as (
  select
    'oxygenation' as panel,
    case
      when is_day_value then 'pao2_fio2' when is_worst then 'pao2_fio2_lowest' else 'pao2_fio2_other'
    end as measure,
    study_day,
    pao2_fio2 as value,
    null::double as of_upper_limit, null::double as of_lower_limit, record_key
  from blood_gas where subject = $subject
  union all
  select 'oxygenation', measure, study_day, value, null, null, record_key
  from vital_sign where subject = $subject and measure = 'oxygen_saturation' and value is not null
  union all
  select 'laboratory', measure, study_day, value,
    case when normal_high > 0 then result / normal_high end,
    case when normal_low > 0 then result / normal_low end, record_key
  from laboratory
  where subject = $subject and value is not null and normal_high > 0
)
select panel, measure, study_day, value, of_upper_limit, of_lower_limit
from result
where study_day is not null
order by panel, measure, study_day, record_key

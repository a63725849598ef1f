-- One row a participant whom the filters leave with a value of a measure at the visit of a planned day,
-- of an arm (null leaves all), and why they are in the list: those values as they count, with the sign
-- of a detection limit, and their days.
with result as (
  select subject, measure, value, value_limit, planned_day, study_day from laboratory
  union all
  select subject, measure, value, value_limit, planned_day, study_day from vital_sign
  union all
  select subject, measure, value, value_limit, planned_day, study_day from ecg
  union all
  select subject, measure, value, value_limit, planned_day, study_day from cell_phenotype
)
select
  chosen.subject,
  chosen.site,
  chosen.arm,
  string_agg(
    coalesce(result.value_limit, '') || round(result.value, 2) || ' ' || $unit
      || coalesce(' on day ' || result.study_day, ' at the visit of day ' || result.planned_day),
    '; '
    order by result.study_day nulls last, result.value
  ) as why
from result
inner join chosen_participant($filters, $cutoff) as chosen using (subject)
where result.value is not null
  and result.measure = $measure
  and result.planned_day = $planned_day
  and on_chosen_day(coalesce(result.study_day, result.planned_day), $filters)
  and ($arm is null or chosen.arm = $arm)
group by chosen.subject, chosen.site, chosen.arm
order by chosen.subject

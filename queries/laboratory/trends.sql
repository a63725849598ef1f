-- One row a measure, a planned day and an arm: the participants with a value, and of the mean of each
-- one's values at that visit the median and quartiles.
with result as (
  select subject, measure, value, visit_number, planned_day, study_day from laboratory
  union all
  select subject, measure, value, visit_number, planned_day, study_day from vital_sign
  union all
  select subject, measure, value, visit_number, planned_day, study_day from ecg
),
of_person as (
  select
    chosen.arm,
    chosen.position,
    result.subject,
    result.measure,
    result.visit_number,
    result.planned_day,
    mean_of(result.value) as value
  from result
  inner join chosen_participant($filters, $cutoff) as chosen using (subject)
  where result.value is not null
    and result.planned_day is not null
    and list_contains($measures, result.measure)
    and on_chosen_day(coalesce(result.study_day, result.planned_day), $filters)
  group by all
)
select
  measure,
  visit_number,
  planned_day,
  arm,
  position,
  count(*) as n,
  quantile_cont(value, 0.5) as median,
  quantile_cont(value, 0.25) as lower_quartile,
  quantile_cont(value, 0.75) as upper_quartile
from of_person
group by measure, visit_number, planned_day, arm, position
order by measure, planned_day, visit_number, position

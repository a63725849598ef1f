-- One row a measure, a planned day and an arm: the participants with a value, and of the mean of each
-- one's values at that visit, or (`fold`) of its ratio to the baseline, median and quartiles; how many
-- of them are at a detection limit (`at_limit`), which counts as the value.
with recorded as (
  select subject, measure, value, value_limit, is_baseline, planned_day, study_day from laboratory
  union all
  select subject, measure, value, value_limit, is_baseline, planned_day, study_day from vital_sign
  union all
  select subject, measure, value, value_limit, is_baseline, planned_day, study_day from ecg
  union all
  select subject, measure, value, value_limit, is_baseline, planned_day, study_day from cell_phenotype
),
result as (
  select * from recorded where value is not null and list_contains($measures, measure)
),
baseline as (
  select subject, measure, value, value_limit is not null as is_limit
  from result
  where is_baseline
),
of_person as (
  select
    chosen.arm,
    chosen.position,
    result.subject,
    result.measure,
    result.planned_day,
    mean_of(result.value) as value,
    bool_or(result.value_limit is not null) as is_limit
  from result
  inner join chosen_participant($filters, $cutoff) as chosen using (subject)
  where result.planned_day is not null
    and on_chosen_day(coalesce(result.study_day, result.planned_day), $filters)
  group by all
),
held_against_baseline as (
  select
    of_person.arm,
    of_person.position,
    of_person.measure,
    of_person.planned_day,
    case when $fold then of_person.value / nullif(baseline.value, 0) else of_person.value end
      as value,
    of_person.is_limit or ($fold and baseline.is_limit) as is_limit
  from of_person
  left join baseline using (subject, measure)
  where not $fold or of_person.planned_day > 1
)
select
  measure,
  planned_day,
  arm,
  position,
  count(*) as n,
  quantile_cont(value, 0.5) as median,
  quantile_cont(value, 0.25) as lower_quartile,
  quantile_cont(value, 0.75) as upper_quartile,
  count(*) filter (where is_limit) as at_limit
from held_against_baseline
where value is not null
group by measure, planned_day, arm, position
order by measure, planned_day, position

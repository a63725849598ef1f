-- One row a participant whom the filters leave whose score of a symptom on a planned day is in a band,
-- or of whom there is none because of what became of them, of an arm (null leaves all), and why they
-- are in the list.
with score as (
  select subject, planned_day, first(value order by date nulls last, record_key) as value
  from questionnaire
  where value is not null and planned_day is not null and measure = $measure
  group by subject, planned_day
),
state as (
  select
    person.*,
    score.value,
    coalesce(
      (
        select min(band.name)
        from (
          select unnest(
            $bands::struct(
              name varchar, at_least double, above double, below double, at_most double
            )[],
            recursive := true
          )
        ) as band
        where in_band(score.value, band)
      ),
      case when fate in ('in_hospital', 'not_known') then 'missing' else fate end
    ) as state
  from person_day(null, [$planned_day], $rules, $filters, $cutoff) as person
  left join score
    on score.subject = person.subject and score.planned_day = person.planned_day
    and person.fate <> 'died'
)
select
  subject,
  site,
  arm,
  concat_ws(', ', 'day ' || planned_day, coalesce('score ' || round(value, 1), replace(state, '_', ' ')))
    as why
from state
where state = $state and ($arm is null or arm = $arm)
order by subject

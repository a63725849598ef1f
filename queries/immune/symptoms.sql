-- One row a symptom, a planned day, an arm and a state: the participants whom the filters leave whose
-- score is in a band, or what became of them; a day has everybody once for each symptom.
with band as (
  select
    unnest(
      $bands::struct(
        name varchar, at_least double, above double, below double, at_most double
      )[],
      recursive := true
    )
),
score as (
  select
    subject, measure, planned_day, first(value order by date nulls last, record_key) as value
  from questionnaire
  where value is not null and planned_day is not null and list_contains($measures, measure)
  group by subject, measure, planned_day
),
-- Counted before the bands are looked up, and the dead set aside behind the join: so each stays a
-- join by equality, which many participants need.
counted as (
  select
    symptom.measure,
    person.planned_day,
    person.arm,
    person.position,
    person.fate,
    case when person.fate <> 'died' then score.value end as value,
    count(*) as participants
  from person_day(null, $days, $rules, $filters, $cutoff) as person
  cross join (select unnest($measures::varchar[]) as measure) as symptom
  left join score
    on score.subject = person.subject and score.planned_day = person.planned_day
    and score.measure = symptom.measure
  group by all
)
select
  counted.measure,
  counted.planned_day,
  counted.arm,
  counted.position,
  coalesce(
    band.name,
    case when counted.fate in ('in_hospital', 'not_known') then 'missing' else counted.fate end
  ) as state,
  sum(counted.participants)::bigint as participants
from counted
left join band on in_band(counted.value, band)
group by all
order by counted.measure, counted.planned_day, counted.position, state

-- One row a symptom and an arm: the participants whom the filters leave who were asked for it at
-- randomization or before, and who had it, by the first answer of each. Later records are not among
-- them: they can be of whom something was noted, and nobody else was asked.
with answer as (
  select
    person.arm,
    person.position,
    clinical_event.symptom,
    person.subject,
    first(
      clinical_event.occurred
      order by clinical_event.collection_date, clinical_event.record_key
    ) as occurred
  from clinical_event
  inner join chosen_participant($filters, $cutoff) as person using (subject)
  where clinical_event.occurred is not null and clinical_event.symptom is not null
    and clinical_event.collection_date <= person.day_one
  group by all
)
select
  symptom,
  arm,
  position,
  count(*) as asked,
  count(*) filter (where occurred = 'Y') as had
from answer
group by symptom, arm, position
order by symptom, position

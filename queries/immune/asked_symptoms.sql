-- One row a symptom and an arm: the participants whom the filters leave who were asked for it at
-- randomization or before, or after it, and who had it.
with person as (select * from chosen_participant($filters, $cutoff)),
answer as (
  select
    person.subject,
    person.arm,
    person.position,
    clinical_event.symptom,
    coalesce(clinical_event.collection_date, clinical_event.start_date) > person.day_one as is_after,
    clinical_event.occurred
  from clinical_event
  inner join person using (subject)
  where clinical_event.occurred is not null and clinical_event.symptom is not null
)
select
  symptom,
  arm,
  position,
  count(distinct subject) filter (where not is_after) as asked_before,
  count(distinct subject) filter (where not is_after and occurred = 'Y') as had_before,
  count(distinct subject) filter (where is_after) as asked_after,
  count(distinct subject) filter (where is_after and occurred = 'Y') as had_after
from answer
group by symptom, arm, position
order by symptom, position

-- One row: adverse events since randomization of participants whom the filters leave, and of how many
-- it is not recorded whether they are serious or fatal, and which grade they have.
select
  count(*) as events,
  count(*) filter (where event.is_serious is null) as serious,
  count(*) filter (where event.grade is null) as grade_3,
  count(*) filter (where event.is_fatal is null) as fatal
from emergent_event as event
inner join chosen_participant($filters, $cutoff) as person using (subject)
where on_chosen_day(event.study_day, $filters)

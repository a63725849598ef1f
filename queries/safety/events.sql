-- One row an event since randomization that is in a list: a body system, a term, an arm, study
-- days, serious, fatal, or of a grade; null leaves all. With the participant's place and outcome.
select
  event.subject,
  chosen.site,
  event.arm,
  event.preferred_term,
  event.body_system,
  event.grade,
  event.is_serious,
  event.is_fatal,
  event.is_fatal_not_serious,
  coalesce(event.start_date > chosen.death_date, false) as is_after_death,
  event.start_date_text as start_date,
  event.end_date_text as end_date,
  event.study_day,
  event.onset,
  event.outcome,
  row_number() over (
    partition by event.subject, event.preferred_term, event.start_date_text, event.end_date_text,
      event.grade
    order by event.record_key
  ) > 1 as is_reported_again
from emergent_event as event
inner join chosen_participant($filters, $cutoff) as chosen using (subject)
where on_chosen_day(event.study_day, $filters)
  and ($arm is null or event.arm = $arm)
  and ($body_system is null or event.body_system = $body_system)
  and ($preferred_term is null or event.preferred_term = $preferred_term)
  and ($from_day is null or event.study_day >= $from_day)
  and ($to_day is null or event.study_day <= $to_day)
  and ($least_grade is null or event.grade >= $least_grade)
  and (not $serious or event.is_serious)
  and (not $fatal or event.is_fatal)
order by event.subject, event.study_day nulls last, event.preferred_term, event.record_key

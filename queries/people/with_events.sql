-- One row a participant whom the filters leave with an event since randomization of an arm, body
-- system, term, range of study days, least grade, serious or fatal (null and false leave all), and why they are
-- in the list: those events.
select
  event.subject,
  chosen.site,
  event.arm,
  string_agg(
    event_in_words(
      event.preferred_term, event.grade, event.is_fatal, event.is_serious, event.study_day,
      event.start_date_text
    ),
    '; '
    order by event.study_day nulls last, event.preferred_term, event.record_key
  ) as why
from emergent_event as event
inner join chosen_participant($filters, $cutoff) as chosen using (subject)
where on_chosen_day(event.study_day, $filters)
  and ($arm is null or event.arm = $arm)
  and ($body_system is null or event.body_system = $body_system)
  and ($preferred_term is null or event.preferred_term = $preferred_term)
  and ($least_grade is null or event.grade >= $least_grade)
  and ($from_day is null or event.study_day >= $from_day)
  and ($to_day is null or event.study_day <= $to_day)
  and (not $serious or event.is_serious)
  and (not $fatal or event.is_fatal)
group by event.subject, chosen.site, event.arm
order by event.subject

-- One row an event since randomization in a group of special interest: whose it was, and what is
-- recorded of it.
select
  event."group",
  event.subject,
  event.site,
  event.arm,
  event.preferred_term,
  event.grade,
  event.is_serious,
  event.is_fatal,
  event.start_date_text as start_date,
  event.study_day,
  event.outcome,
  event.record_key
from event_of_interest($terms, $filters, $cutoff) as event
where on_chosen_day(event.study_day, $filters)
order by event.number, event."group", event.subject, event.study_day nulls last, event.record_key

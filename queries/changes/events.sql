-- One row an adverse event since randomization: whose, and what is recorded of it.
select
  event.record_key,
  event.subject,
  participation.site,
  event.arm,
  event.preferred_term,
  event.start_date_text as start_date,
  event.end_date_text as end_date,
  event.grade,
  event.is_serious,
  event.is_fatal,
  event.outcome
from emergent_event as event
inner join participation using (subject)
order by event.record_key

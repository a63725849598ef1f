-- One row an adverse event since randomization: whose, what is recorded of it, and whether it is
-- dated beyond the data cut-off.
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
  event.outcome,
  coalesce(event.start_date > cut_off.date, false) as is_beyond
from emergent_event as event
inner join participation using (subject)
cross join cut_off
order by event.record_key

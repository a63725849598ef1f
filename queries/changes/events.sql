-- One row an adverse event since randomization: whose, what is recorded of it, and whether it is
-- dated beyond the data cut-off.
with event as (
  select record_key, subject, preferred_term, start_date_text, end_date_text, grade, is_serious,
    is_fatal, outcome, false as is_beyond
  from emergent_event
  union all
  select record_key, subject, coalesce(preferred_term, '(no preferred term)'), start_date_text,
    end_date_text, grade,
    serious = 'Y' or coalesce(outcome = 'FATAL' or serious_death = 'Y', false),
    outcome = 'FATAL' or coalesce(serious_death = 'Y', false), outcome, true
  from adverse_event_later
)
select
  event.record_key,
  event.subject,
  participation.site,
  participation.arm,
  event.preferred_term,
  event.start_date_text as start_date,
  event.end_date_text as end_date,
  event.grade,
  event.is_serious,
  event.is_fatal,
  event.outcome,
  event.is_beyond
from event
inner join participation using (subject)
order by event.record_key

-- One row an adverse event of a participant that began at a dose or later: the last dose before it, the
-- days since, and the hours where both are known to the minute.
select
  event.preferred_term,
  event.grade,
  event.start_date_text as start_date,
  since.dose,
  since.days,
  since.hours
from emergent_event as event
inner join event_since_dose as since using (record_key)
where event.subject = $subject
order by since.dose, since.days, since.hours nulls last, event.preferred_term, event.record_key

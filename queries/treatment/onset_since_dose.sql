-- One row an event of special interest of somebody who was given a dose by its onset: whose it is, days
-- since the last dose before it, and hours where both are known to the minute.
select event."group", event.subject, event.arm, event.position, since.dose, since.days, since.hours
from event_of_interest($terms, $filters, $cutoff) as event
inner join event_since_dose as since using (record_key)
where on_chosen_day(event.study_day, $filters)
order by
  event.number, event."group", event.position, since.days, since.hours nulls last, since.dose,
  event.record_key

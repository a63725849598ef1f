-- One row an event of special interest of somebody who was given a dose by its onset: days since the
-- last dose before it, and hours where both are known to the minute.
with event as (
  select
    event."group",
    event.number,
    event.record_key,
    event.subject,
    event.arm,
    event.position,
    event.start_date,
    minute_of(event.start_date_text) as minute
  from event_of_interest($terms, $filters, $cutoff) as event
  where on_chosen_day(event.study_day, $filters) and event.start_date is not null
),
since as (
  select
    event.*,
    given.dose,
    event.start_date - given.date as days,
    date_diff('minute', given.minute, event.minute) / 60 as hours,
    row_number() over (
      partition by event."group", event.record_key order by given.dose desc
    ) as place
  from event
  inner join dose_with_time as given
    on given.subject = event.subject
    and case
      when event.minute is not null and given.minute is not null then event.minute >= given.minute
      else event.start_date >= given.date
    end
)
select "group", arm, position, dose, days, hours
from since
where place = 1
order by number, "group", position, days, hours nulls last, dose, record_key

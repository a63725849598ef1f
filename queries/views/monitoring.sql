-- Every view: what a stopping rule counts.

-- One row a randomized participant, or one to whom anything was given: whether an event of a group
-- began within the first `days` days from randomization or from the first dose on, and what is known of
-- the rest of them. An onset not known to the day counts on the earliest day it can have been.
create macro rule_window(terms, interest, days, after_dose, filters, cutoff) as table
with person as (
  select
    chosen.subject,
    chosen.site,
    chosen.arm,
    chosen.position,
    chosen.ended,
    chosen.last_day,
    case when after_dose then first_dose.date else chosen.day_one end as begins
  from chosen_participant(filters, cutoff) as chosen
  left join first_dose on first_dose.subject = chosen.subject
  where not after_dose or first_dose.date is not null
),
event as (
  select
    event.subject,
    event.preferred_term,
    event.start_date_text,
    earliest_date(event.start_date, event.start_date_text, person.begins) as began,
    event.start_date is null as is_earliest
  from event_of_interest(terms, filters, cutoff) as event
  inner join person using (subject)
  where event."group" = interest
),
met as (
  select
    person.subject,
    string_agg(
      event.preferred_term || ', began ' || coalesce(event.start_date_text, 'on a day not known'), '; '
      order by event.began, event.preferred_term
    ) as what,
    bool_and(event.is_earliest) as is_earliest
  from person
  inner join event on event.subject = person.subject
    and event.began between person.begins and person.begins + (days::integer - 1)
  group by person.subject
)
select
  person.*,
  met.subject is not null as has_event,
  coalesce(met.is_earliest, false) as is_earliest,
  met.what,
  case
    when person.begins is null then 'undated'
    when cutoff::date < person.begins + (days::integer - 1) then 'open'
    when met.subject is null and person.ended is distinct from 'died'
      and coalesce(person.last_day, person.begins - 1) < person.begins + (days::integer - 1)
      then 'left'
    else 'closed'
  end as state
from person
left join met using (subject);

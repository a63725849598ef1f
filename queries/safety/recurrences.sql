-- One row an event in time, or the end of observation, of a participant whose end is known: the part of
-- the observation from after study day `start` to with `stop`, and what it ended with: an event (1),
-- death (2) or neither (0). An event whose onset is not known to the day is on the earliest that it
-- can have begun; `is_earliest` says so. Participants have numbers.
with person as (
  select
    subject,
    arm,
    position,
    row_number() over (order by position, subject) as person,
    first_outcome(null, death_day, last_day, why_not) as kind,
    day_of_outcome(
      first_outcome(null, death_day, last_day, why_not), null, death_day, last_day
    ) as stop
  from followed($filters, $cutoff)
  where why_not is null
),
part as (
  select arm, position, person, stop, kind, false as is_earliest from person
  union all
  select
    person.arm,
    person.position,
    person.person,
    onset_day(event.start_date, event.start_date_text, event.day_one) as stop,
    1,
    event.start_date is null
  from emergent_event as event
  inner join person using (subject)
  where on_chosen_day(event.study_day, $filters) and not event.is_later
    and onset_day(event.start_date, event.start_date_text, event.day_one) <= person.stop
)
select
  arm,
  person,
  coalesce(lag(stop) over (partition by person order by stop, kind <> 1, is_earliest), 0) as start,
  stop,
  kind,
  is_earliest
from part
order by position, person, stop, kind <> 1, is_earliest

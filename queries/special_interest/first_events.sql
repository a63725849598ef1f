-- One row a participant and a group of special interest: the study day of the first event (outcome 1),
-- of death without one (2), or of the end of observation (0); no day where it is not known.
-- An event counts before a death on the same day. One whose onset is not known to the day counts only
-- where no other is, on the earliest day that it can have begun; `is_earliest` says so.
with interest as (select distinct "group", number from term_of_interest($terms)),
first_event as (
  select
    event."group",
    event.subject,
    first_onset(
      onset_day(event.start_date, event.start_date_text, event.day_one), event.start_date is null
    ) as day,
    count(event.start_date) = 0 as is_earliest
  from event_of_interest($terms, $filters, $cutoff) as event
  where on_chosen_day(event.study_day, $filters) and event.day_one is not null
    and not event.is_later
  group by event."group", event.subject
),
outcome as (
  select
    interest."group",
    interest.number,
    person.*,
    first_event.day as event_day,
    coalesce(first_event.is_earliest, false) as is_earliest,
    first_outcome(first_event.day, person.death_day, person.last_day, person.why_not) as outcome
  from interest
  cross join followed($filters, $cutoff) as person
  left join first_event on first_event."group" = interest."group" and first_event.subject = person.subject
)
select
  "group",
  arm,
  position,
  outcome,
  day_of_outcome(outcome, event_day, death_day, last_day) as day,
  coalesce(outcome = 1 and is_earliest, false) as is_earliest,
  why_not
from outcome
order by number, "group", position, day nulls last, outcome, is_earliest, why_not

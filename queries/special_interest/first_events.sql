-- One row a participant and a group of special interest: the study day of the first event (outcome 1),
-- of death without one (2), or of the end of observation (0); no day where it is not known.
-- An event counts before a death on the same day. One whose onset is not known to the day counts only
-- where no other is, on the earliest day that it can have begun; `is_earliest` says so.
with interest as (select distinct "group", number from term_of_interest($terms)),
event as (
  select
    event."group",
    event.subject,
    event.start_date - event.day_one + 1 as day,
    case
      when event.start_date is null then greatest(
        coalesce(
          try_strptime(event.start_date_text || '-01', '%Y-%m-%d')::date,
          try_strptime(event.start_date_text || '-01-01', '%Y-%m-%d')::date,
          event.day_one
        ) - event.day_one + 1,
        1
      )
    end as earliest_day
  from event_of_interest($terms, $filters, $cutoff) as event
  where on_chosen_day(event.study_day, $filters) and event.day_one is not null
    and not event.is_later
),
first_event as (
  select
    "group",
    subject,
    coalesce(min(day), min(earliest_day)) as day,
    min(day) is null as is_earliest
  from event
  group by "group", subject
),
person as (
  select
    subject,
    arm,
    position,
    ended = 'died' as is_dead,
    death_date - day_one + 1 as death_day,
    least(
      coalesce(last_day - day_one + 1, 1), coalesce(struct_extract($filters, 'last_day')::bigint, 1000000)
    ) as last_day,
    case
      when day_one is null then 'no date of randomization'
      when ended = 'died' and death_date is null then 'no date of death'
      when last_day is null then 'no record since randomization'
    end as why_not
  from chosen_participant($filters, $cutoff)
),
outcome as (
  select
    interest."group",
    interest.number,
    person.*,
    first_event.day as event_day,
    coalesce(first_event.is_earliest, false) as is_earliest,
    case
      when person.why_not is not null and first_event.day is null then null
      when first_event.day <= coalesce(person.death_day, first_event.day) then 1
      when coalesce(person.is_dead, false) and person.death_day <= person.last_day then 2
      else 0
    end as outcome
  from interest
  cross join person
  left join first_event on first_event."group" = interest."group" and first_event.subject = person.subject
)
select
  "group",
  arm,
  position,
  outcome,
  case outcome
    when 1 then greatest(event_day, 1)
    when 2 then greatest(death_day, 1)
    when 0 then greatest(last_day, 1)
  end as day,
  outcome = 1 and is_earliest as is_earliest,
  why_not
from outcome
order by number, "group", position, day nulls last, outcome, is_earliest, why_not

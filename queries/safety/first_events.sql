-- One row a kind of event or a body system, an arm, what came first and its study day: so many
-- participants had their first event then (outcome 1), died without one (2), or were last observed (0);
-- none of both where it is not known. `earliest` of them have no day of onset: such an event counts
-- only where no other is dated, on the earliest day that it can have begun.
with person as (
  select
    *,
    first_outcome(null, death_day, last_day, why_not) as outcome,
    day_of_outcome(
      first_outcome(null, death_day, last_day, why_not), null, death_day, last_day
    ) as day
  from followed($filters, $cutoff)
),
event as (
  select
    subject,
    body_system,
    onset_day(start_date, start_date_text, day_one) as day,
    start_date is null as is_earliest,
    is_serious,
    grade
  from emergent_event
  where on_chosen_day(study_day, $filters) and day_one is not null and not is_later
),
-- Of each participant by body system, as their kinds follow from these.
of_system as (
  select
    subject,
    body_system,
    min(day) as day,
    min(day) filter (where not is_earliest) as dated,
    min(day) filter (where is_serious) as serious,
    min(day) filter (where is_serious and not is_earliest) as serious_dated,
    min(day) filter (where grade >= 3) as grade_3,
    min(day) filter (where grade >= 3 and not is_earliest) as grade_3_dated
  from event
  group by subject, body_system
),
first_event as (
  select 'system' as kind, body_system, subject, coalesce(dated, day) as day, dated is null as is_earliest
  from of_system
  union all
  select 'any', null, subject, coalesce(min(dated), min(day)), count(dated) = 0
  from of_system group by subject
  union all
  select 'serious', null, subject, coalesce(min(serious_dated), min(serious)), count(serious_dated) = 0
  from of_system group by subject having count(serious) > 0
  union all
  select 'grade_3', null, subject, coalesce(min(grade_3_dated), min(grade_3)), count(grade_3_dated) = 0
  from of_system group by subject having count(grade_3) > 0
),
had as (
  select
    first_event.kind,
    first_event.body_system,
    first_event.is_earliest,
    first_event.day as event_day,
    first_outcome(first_event.day, person.death_day, person.last_day, person.why_not) as first_outcome,
    person.*
  from first_event
  inner join person using (subject)
),
kind as (
  select distinct kind, body_system from first_event where kind = 'system'
  union all
  values ('any', null), ('serious', null), ('grade_3', null)
),
-- Everybody as without an event, less those who had one, who stand as they had it.
counted as (
  select
    kind.kind, kind.body_system, person.arm, person.position, person.outcome, person.day,
    person.participants, 0 as earliest
  from kind
  cross join (
    select arm, position, outcome, day, count(*) as participants from person group by all
  ) as person
  union all
  select kind, body_system, arm, position, outcome, day, -1, 0 from had
  union all
  select
    kind, body_system, arm, position, first_outcome,
    day_of_outcome(first_outcome, event_day, death_day, last_day),
    1, (first_outcome = 1 and is_earliest)::integer
  from had
)
select
  kind,
  body_system,
  arm,
  position,
  outcome,
  day,
  sum(participants)::bigint as participants,
  sum(earliest)::bigint as earliest
from counted
group by kind, body_system, arm, position, outcome, day
having sum(participants) > 0
order by kind, body_system, position, outcome nulls last, day

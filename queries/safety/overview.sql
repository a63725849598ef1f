-- One row an arm and a kind of event: participants with any since randomization, those without, and
-- events, of which `in_time` while the participant was observed, and others `later`; of those who left
-- the study for an event, participants alone. Null of a kind of which nothing is recorded. Of kinds that
-- lie too near to each other for a limited role the first ones are kept, so they come last.
-- over time within arm: participants + without, events
-- events: events
-- beside: in_time + later
-- outcome: adverse_events
-- without: kind fatal, kind left
-- fixed: cutoff
with person as (select * from chosen_participant($filters, $cutoff)),
event as (
  select event.*
  from emergent_event as event
  inner join person using (subject)
  where on_chosen_day(event.study_day, $filters)
),
kind (kind, number) as (
  values ('any', 1), ('serious', 2), ('grade_3', 3), ('fatal', 4), ('left', 5)
),
size as (select arm, count(*) as people from person group by arm),
counted as (
  select kind.kind, event.arm, event.subject, 1 as event, event.is_later
  from event
  inner join kind
    on kind.kind = 'any'
    or (kind.kind = 'serious' and event.is_serious)
    or (kind.kind = 'grade_3' and event.grade >= 3)
    or (kind.kind = 'fatal' and event.is_fatal)
  union all
  select 'left', arm, subject, null, false
  from person where ended = 'left' and reason = 'ADVERSE EVENT'
),
known as (
  select
    kind.*,
    case kind.kind
      when 'serious' then has_serious when 'grade_3' then has_grade when 'fatal' then has_fatal
      else true
    end as is_recorded
  from kind
  cross join recorded_of_events
)
select
  known.kind,
  arm.arm,
  arm.position,
  case when any_value(known.is_recorded) then count(distinct counted.subject) end as participants,
  case
    when any_value(known.is_recorded) then
      coalesce(any_value(size.people), 0) - count(distinct counted.subject)
  end as without,
  case when any_value(known.is_recorded) then count(counted.event) end as events,
  case
    when any_value(known.is_recorded) then count(counted.event) filter (where not counted.is_later)
  end as in_time,
  case
    when any_value(known.is_recorded) then count(counted.event) filter (where counted.is_later)
  end as later
from arm
cross join known
left join size on size.arm = arm.arm
left join counted on counted.arm = arm.arm and counted.kind = known.kind
group by known.kind, known.number, arm.arm, arm.position
order by known.number desc, arm.position

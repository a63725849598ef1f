-- One row an arm and a kind of event: participants with any since randomization, those without, and
-- events; of those who left the study for an event, participants alone.
-- counts: participants + without, events
-- over time: rows within arm
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
  select kind.kind, event.arm, event.subject, 1 as event
  from event
  inner join kind
    on kind.kind = 'any'
    or (kind.kind = 'serious' and event.is_serious)
    or (kind.kind = 'grade_3' and event.grade >= 3)
    or (kind.kind = 'fatal' and event.is_fatal)
  union all
  select 'left', arm, subject, null from person where ended = 'left' and reason = 'ADVERSE EVENT'
)
select
  kind.kind,
  arm.arm,
  arm.position,
  count(distinct counted.subject) as participants,
  coalesce(any_value(size.people), 0) - count(distinct counted.subject) as without,
  count(counted.event) as events
from arm
cross join kind
left join size on size.arm = arm.arm
left join counted on counted.arm = arm.arm and counted.kind = kind.kind
group by kind.kind, kind.number, arm.arm, arm.position
order by kind.number, arm.position

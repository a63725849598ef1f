-- One row an arm and a kind of event: participants with any since randomization, and events.
-- counts: participants, events
-- over time: rows within arm
-- fixed: cutoff
with event as (
  select event.*
  from emergent_event as event
  inner join chosen_participant($filters, $cutoff) using (subject)
  where on_chosen_day(event.study_day, $filters)
),
kind (kind, number) as (
  values ('any', 1), ('serious', 2), ('grade_3', 3), ('fatal', 4)
)
select
  kind.kind,
  arm.arm,
  arm.position,
  count(distinct event.subject) as participants,
  count(event.subject) as events
from arm
cross join kind
left join event
  on event.arm = arm.arm
  and case kind.kind
    when 'any' then true
    when 'serious' then event.is_serious
    when 'grade_3' then coalesce(event.grade >= 3, false)
    else event.is_fatal
  end
group by kind.kind, kind.number, arm.arm, arm.position
order by kind.number, arm.position

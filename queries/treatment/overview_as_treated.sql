-- One row an arm and a kind of event, by the treatment that participants got: how many there are,
-- participants with any event since randomization, and events.
with person as (
  select chosen.subject, actual_arm.arm, actual_arm.position
  from chosen_participant($filters, $cutoff) as chosen
  inner join actual_arm using (subject)
),
event as (
  select event.* exclude (arm, position), person.arm
  from emergent_event as event
  inner join person using (subject)
  where on_chosen_day(event.study_day, $filters)
),
kind (kind, number) as (values ('any', 1), ('serious', 2), ('grade_3', 3), ('fatal', 4)),
size as (select arm, count(*) as treated from person group by arm)
select
  kind.kind,
  arm.arm,
  arm.position,
  coalesce(size.treated, 0) as treated,
  case kind.kind
    when 'serious' then if_serious(count(distinct event.subject))
    when 'grade_3' then if_graded(count(distinct event.subject))
    when 'fatal' then if_fatal(count(distinct event.subject))
    else count(distinct event.subject)
  end as participants,
  case kind.kind
    when 'serious' then if_serious(count(event.subject))
    when 'grade_3' then if_graded(count(event.subject))
    when 'fatal' then if_fatal(count(event.subject))
    else count(event.subject)
  end as events
from arm
cross join kind
left join size on size.arm = arm.arm
left join event
  on event.arm = arm.arm
  and case kind.kind
    when 'any' then true
    when 'serious' then event.is_serious
    when 'grade_3' then coalesce(event.grade >= 3, false)
    else event.is_fatal
  end
group by kind.kind, kind.number, arm.arm, arm.position, size.treated
order by kind.number, arm.position

-- One row an arm and a judgment of an event: how it was related to the treatment, or what was done with
-- the treatment; participants and events since randomization.
with event as (
  select event.subject, event.arm, source.relatedness, source.action_taken
  from emergent_event as event
  inner join chosen_participant($filters, $cutoff) using (subject)
  inner join adverse_event as source using (record_key)
  where on_chosen_day(event.study_day, $filters)
),
judged as (
  select subject, arm, 1 as number, 'Relation to the treatment' as judgment,
    coalesce(nullif(upper(trim(relatedness)), ''), '(not recorded)') as value
  from event
  union all
  select subject, arm, 2, 'Action taken with the treatment',
    coalesce(nullif(upper(trim(action_taken)), ''), '(not recorded)')
  from event
)
select
  judged.judgment,
  judged.value,
  arm.arm,
  arm.position,
  count(distinct judged.subject) as participants,
  count(*) as events
from judged
inner join arm using (arm)
group by judged.number, judged.judgment, judged.value, arm.arm, arm.position
order by judged.number, judged.value, arm.position

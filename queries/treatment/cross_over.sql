-- One row a planned arm and an actual one: randomized participants, and how many were given anything.
with given as (select distinct subject from administration where is_given)
select
  participation.arm as planned,
  participation.position as planned_position,
  coalesce(actual_arm.arm, 'Not recorded') as actual,
  actual_arm.position as actual_position,
  count(*) as participants,
  count(given.subject) as given
from participation
left join actual_arm using (subject)
left join given using (subject)
group by all
order by planned_position, actual_position nulls last

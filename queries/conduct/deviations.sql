-- One row an arm and a category: deviations, and the randomized participants who have any of them.
-- merged by category within arm: participants, deviations
-- withheld: participants
-- outcome: deviations
select
  coalesce(deviation.category, '(no open category)') as category,
  participation.arm,
  participation.position,
  count(distinct participation.subject) as participants,
  count(*) as deviations
from deviation
inner join participation using (subject)
group by all
order by category, participation.position

-- One row an arm and a category: deviations, and the randomized participants who have any of them.
-- counts: participants, deviations
-- adds up: rows within arm
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

-- One row an arm: participants whose window of a rule has closed, is open, or was left, and of each
-- those with an event in it.
select
  arm.arm,
  arm.position,
  count(seen.subject) as participants,
  count(*) filter (where seen.state = 'closed') as closed,
  count(*) filter (where seen.state = 'closed' and seen.has_event) as closed_with_event,
  count(*) filter (where seen.state in ('open', 'left')) as pending,
  count(*) filter (where seen.state in ('open', 'left') and seen.has_event) as pending_with_event,
  count(*) filter (where seen.state = 'left') as left_early,
  count(*) filter (where seen.state = 'undated') as undated,
  count(*) filter (where seen.has_event and seen.is_earliest) as earliest
from arm
left join rule_window($terms, $group, $window_days, $after_dose, $filters, $cutoff) as seen
  on seen.arm = arm.arm
group by arm.arm, arm.position
order by arm.position

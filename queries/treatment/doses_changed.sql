-- One row an arm and a reason: administrations that were not given, or otherwise than planned.
select
  coalesce(nullif(trim(exposure.adjustment_reason), ''), '(no reason)') as reason,
  participation.arm,
  participation.position,
  count(*) filter (where exposure.dose = 0) as not_given,
  count(*) filter (where coalesce(exposure.dose, 1) > 0) as changed,
  count(distinct participation.subject) as participants
from exposure
inner join participation using (subject)
where exposure.dose = 0 or nullif(trim(exposure.adjustment_reason), '') is not null
group by all
order by not_given desc, changed desc, reason, participation.position

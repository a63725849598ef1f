-- One row an arm of this view: its randomized participants, with any deviation and without.
-- alone: with_any + without, deviations
-- events: deviations
with had as (select subject, count(*) as deviations from deviation group by subject)
select
  arm.arm,
  arm.position,
  count(participation.subject) as randomized,
  count(had.subject) as with_any,
  count(participation.subject) - count(had.subject) as without,
  coalesce(sum(had.deviations), 0)::bigint as deviations
from arm
left join participation on participation.arm = arm.arm
left join had on had.subject = participation.subject
group by all
order by arm.position

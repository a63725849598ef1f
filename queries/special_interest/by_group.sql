-- One row a group of special interest and an arm: participants with such an event since randomization,
-- with a serious and with a fatal one, and events, of which `in_time` while the participant was
-- observed; a record counts once in each group it belongs to.
with event as (
  select *
  from event_of_interest($terms, $filters, $cutoff) as event
  where on_chosen_day(event.study_day, $filters)
),
interest as (select distinct "group", number from term_of_interest($terms))
select
  interest."group",
  arm.arm,
  arm.position,
  count(distinct event.subject) as participants,
  count(event.subject) as events,
  count(event.subject) filter (where not event.is_later) as in_time,
  if_serious(count(distinct event.subject) filter (where event.is_serious)) as serious,
  if_fatal(count(distinct event.subject) filter (where event.is_fatal)) as fatal
from interest
cross join arm
left join event on event."group" = interest."group" and event.arm = arm.arm
group by interest."group", interest.number, arm.arm, arm.position
order by interest.number, interest."group", arm.position

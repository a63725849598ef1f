-- One row a lot and an arm: participants who were given it, administrations, and when.
select
  coalesce(nullif(trim(exposure.lot), ''), '(no lot)') as lot,
  participation.arm,
  participation.position,
  count(distinct participation.subject) as participants,
  count(*) as administrations,
  min(exposure.start_date) as first_given,
  max(exposure.start_date) as last_given
from exposure
inner join participation using (subject)
where coalesce(exposure.dose, 1) > 0
group by all
order by first_given nulls last, lot, participation.position

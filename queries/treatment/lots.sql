-- One row a lot and an arm: participants who were given it, administrations, and when.
select
  coalesce(administration.lot, '(no lot)') as lot,
  participation.arm,
  participation.position,
  count(distinct participation.subject) as participants,
  count(*) as administrations,
  min(administration.start_date) as first_given,
  max(administration.start_date) as last_given
from administration
inner join participation using (subject)
where administration.is_given
group by all
order by first_given nulls last, lot, participation.position

-- One row an arm and a reason: doses that are recorded as not given, or as given otherwise.
select
  coalesce(administration.reason, '(no reason)') as reason,
  participation.arm,
  participation.position,
  count(*) filter (where not administration.is_given) as not_given,
  count(*) filter (where administration.is_given) as changed,
  count(distinct participation.subject) as participants
from administration
inner join participation using (subject)
where not administration.is_given or administration.reason is not null
group by all
order by not_given desc, changed desc, reason, participation.position

-- One row an arm, a category and a term, as received: deviations and the participants who have them.
select
  coalesce(nullif(trim(deviation.received_category), ''), '(no category)') as category,
  coalesce(
    nullif(trim(deviation.standard_term), ''), nullif(trim(deviation.reported_term), ''),
    '(no term)'
  ) as term,
  participation.arm,
  participation.position,
  count(distinct participation.subject) as participants,
  count(*) as deviations
from deviation
inner join participation using (subject)
group by all
order by category, term, participation.position

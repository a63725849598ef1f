-- One row an arm and a reason: participants who stopped study treatment before its planned end.
with stop as (
  select subject, upper(trim(disposition)) as reason, start_date
  from disposition
  where regexp_matches(
    subcategory, 'treatment|drug|dos(e|ing)|therapy|medication|product|infusion|instillation', 'i'
  )
  and upper(trim(disposition)) <> 'COMPLETED'
),
first_stop as (
  select subject, first(reason order by start_date nulls last, reason) as reason,
    min(start_date) as stopped
  from stop
  group by subject
)
select
  first_stop.reason,
  participation.arm,
  participation.position,
  count(*) as participants,
  quantile_disc(
    date_diff('day', day_one, stopped) + (stopped >= day_one)::integer, 0.5
  ) as median_day
from first_stop
inner join participation using (subject)
group by all
order by first_stop.reason, participation.position

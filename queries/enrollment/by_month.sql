-- One row a calendar month, without gaps: participants screened and randomized in it.
-- open: that people came in a month says nothing of what followed
with event as (
  select date_trunc('month', screening_date) as month, 1 as screened, 0 as randomized
  from participant where screening_date is not null
  union all
  select randomized_month, 0, 1
  from participant
  inner join standing using (subject)
  where randomized and randomized_month is not null
),
bounds as (select min(month) as first, max(month) as last from event),
every_month as (
  select unnest(generate_series(first, last, interval 1 month))::date as month
  from bounds where first is not null
)
select
  every_month.month,
  coalesce(sum(event.screened), 0)::bigint as screened,
  coalesce(sum(event.randomized), 0)::bigint as randomized
from every_month
left join event on event.month::date = every_month.month
group by every_month.month
order by every_month.month

-- One row a day of the schedule: randomized participants past it, as the window of its visit had closed
-- by the cut-off, whatever became of them; those who are not, and those without a date.
-- open: how long ago people were randomized says nothing of what followed
-- fixed: schedule, cutoff
with closing as (
  select visit, day, day + window_after::integer as closing_day
  from (select unnest($schedule, recursive := true))
),
person as (
  select $cutoff::date - randomization_date + 1 as cutoff_day
  from participant
  where randomized
)
select
  closing.visit,
  closing.day as planned_day,
  count(*) filter (where person.cutoff_day >= closing.closing_day) as past,
  count(*) filter (where person.cutoff_day < closing.closing_day) as not_due,
  count(*) filter (where person.cutoff_day is null) as undated
from person
cross join closing
group by all
order by closing.day, closing.visit

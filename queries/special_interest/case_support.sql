-- One row an event of special interest and a rule of support, by number: the result in days around the
-- onset that is furthest beyond the rule's limit or nearest to it, and whether it is beyond; null
-- where nothing was measured.
with rule as (
  select item.*
  from (
    select unnest(
      $supports::struct(
        "group" varchar, number integer, measure varchar, at_least double, at_most double,
        days_before integer, days_after integer
      )[]
    ) as item
  )
),
event as (
  select *
  from event_of_interest($terms, $filters, $cutoff) as event
  where on_chosen_day(event.study_day, $filters)
),
result as (
  select subject, measure, value, date, record_key from laboratory
  union all
  select subject, measure, value, date, record_key from vital_sign
  union all
  select subject, measure, value, date, record_key from respiratory_measurement
),
around as (
  select
    event."group",
    event.record_key,
    rule.number,
    rule.at_least,
    rule.at_most,
    result.value,
    result.date - event.day_one + (result.date >= event.day_one)::integer as day,
    row_number() over (
      partition by event."group", event.record_key, rule.number
      order by
        case when rule.at_most is null then -result.value else result.value end nulls last,
        result.date,
        result.record_key
    ) as place
  from event
  inner join rule on rule."group" = event."group"
  left join result
    on result.subject = event.subject
    and result.measure = rule.measure
    and result.value is not null
    and result.date between event.start_date - rule.days_before
      and event.start_date + rule.days_after
)
select
  "group",
  record_key,
  number,
  value,
  day,
  coalesce(value >= at_least, value <= at_most) as is_beyond
from around
where place = 1
order by "group", record_key, number

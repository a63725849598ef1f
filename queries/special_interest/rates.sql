-- One row a group of special interest and an arm: sums over participants of their events in time and
-- days observed, of the squares of both and of their products; `participants` are those observed.
with event as (
  select event."group", event.subject, count(*) as events
  from event_of_interest($terms, $filters, $cutoff) as event
  where on_chosen_day(event.study_day, $filters) and not event.is_later
  group by event."group", event.subject
),
interest as (select distinct "group" from term_of_interest($terms)),
counted as (
  select
    interest."group",
    person.arm,
    sums_of(coalesce(event.events, 0), person.days) as sums
  from interest
  cross join followed($filters, $cutoff) as person
  left join event on event."group" = interest."group" and event.subject = person.subject
  group by interest."group", person.arm
)
select "group", arm, sums.* from counted order by "group", arm

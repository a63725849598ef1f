-- One row a kind of event and an arm: sums over participants of their events in time and days observed,
-- of the squares of both and of their products; `participants` are those observed.
with event as (
  select
    subject,
    count(*) as "any",
    count(*) filter (where is_serious) as serious,
    count(*) filter (where grade >= 3) as grade_3,
    count(*) filter (where is_fatal) as fatal
  from emergent_event
  where on_chosen_day(study_day, $filters) and not is_later
  group by subject
),
each as (
  select
    person.arm,
    person.days,
    unnest([
      struct_pack(kind := 'any', events := coalesce(event."any", 0)),
      struct_pack(kind := 'serious', events := coalesce(event.serious, 0)),
      struct_pack(kind := 'grade_3', events := coalesce(event.grade_3, 0)),
      struct_pack(kind := 'fatal', events := coalesce(event.fatal, 0))
    ], recursive := true)
  from followed($filters, $cutoff) as person
  left join event using (subject)
),
counted as (select kind, arm, sums_of(events, days) as sums from each group by kind, arm)
select kind, arm, sums.* from counted order by kind, arm

-- Unblinded: what happened in hours and days after each dose that was given.

-- The minute that a date and time names; null where only a day is known.
create macro minute_of(written) as
  case when length(written) >= 16 then try_cast(left(written, 16) as timestamp) end;

-- One row a dose that was given to a randomized participant, in their order.
create view dose_with_time as
with written as (
  select record_key, start_date_text from exposure
  union all
  select record_key, start_date_text from exposure_as_collected
)
select
  participation.subject,
  participation.arm,
  participation.position,
  participation.site,
  row_number() over (
    partition by participation.subject
    order by administration.start_date, minute_of(written.start_date_text), administration.record_key
  ) as dose,
  administration.start_date as date,
  minute_of(written.start_date_text) as minute
from administration
inner join participation using (subject)
left join written on written.record_key = administration.record_key
where administration.is_given and administration.start_date is not null;

-- One row an adverse event that began at a dose or later: the last dose before it, the days since, and
-- the hours where both are known to the minute.
create view event_since_dose as
select subject, record_key, dose, days, hours
from (
  select
    event.subject,
    event.record_key,
    given.dose,
    event.start_date - given.date as days,
    date_diff('minute', given.minute, event.minute) / 60 as hours,
    row_number() over (partition by event.record_key order by given.dose desc) as place
  from (
    select subject, record_key, start_date, minute_of(start_date_text) as minute
    from emergent_event
    where start_date is not null
  ) as event
  inner join dose_with_time as given
    on given.subject = event.subject
    and case
      when event.minute is not null and given.minute is not null then event.minute >= given.minute
      else event.start_date >= given.date
    end
) as since
where place = 1;

-- Whether something was in so many hours after a dose; where only days are known, on the day of the
-- dose or the next. Null where it is not known when.
create macro is_after_dose(date, minute, dose_date, dose_minute, hours) as
  case
    when minute is not null and dose_minute is not null then
      minute >= dose_minute and minute <= dose_minute + to_minutes((60 * hours)::bigint)
    else date between dose_date and dose_date + 1
  end;

-- One row a record that is worsening by itself: what it is, when, and for how many hours after a dose
-- it counts.
create macro worsening_record(rules) as table
select
  'vasopressor' as criterion, subject, start_date as date, minute_of(start_date_text) as minute,
  struct_extract(rules, 'hours') as hours, reported_name as detail
from medication
where medication_class = struct_extract(rules, 'vasopressors')
union all
select
  'intubation', tube.subject, tube.start_date, minute_of(tube.start_date_text),
  struct_extract(rules, 'hours'), tube.procedure_class
from respiratory_support as tube
where tube.support >= 3 and exists (
  select 1 from respiratory_support as flow
  where flow.subject = tube.subject and flow.support = 2 and flow.start_date <= tube.start_date
    and coalesce(flow.end_date, tube.start_date) >= tube.start_date
)
union all
select
  case
    when list_contains(
      list_transform(struct_extract(rules, 'arrests')::varchar[], lambda term: folded(term)),
      folded(preferred_term)
    ) then 'arrest or death'
    else 'arrhythmia'
  end as criterion,
  subject, start_date, minute_of(start_date_text),
  case criterion
    when 'arrhythmia' then struct_extract(rules, 'hours')
    else struct_extract(rules, 'arrest_hours')
  end,
  preferred_term
from adverse_event
where list_contains(
  list_transform(
    list_concat(
      struct_extract(rules, 'arrests')::varchar[], struct_extract(rules, 'arrhythmias')::varchar[]
    ),
    lambda term: folded(term)
  ),
  folded(preferred_term)
)
union all
select
  'arrest or death', subject, death_date, minute_of(death_date_text),
  struct_extract(rules, 'arrest_hours'), 'death'
from participant
where death_date is not null;

-- One row a dose and a setting of the ventilator: the last value before the dose, at most a day, and
-- the highest in the hours after it.
create macro setting_around_dose(rules) as table
with setting as (
  select
    'PEEP' as criterion, subject, value, date, minute_of(date_text) as minute,
    struct_extract(rules, 'peep_increase')::double as increase
  from respiratory_measurement
  where measure = struct_extract(rules, 'peep') and value is not null
  union all
  select
    'FiO2', subject, value, date, minute_of(date_text),
    struct_extract(rules, 'fio2_increase')::double
  from respiratory_measurement
  where measure = struct_extract(rules, 'fio2') and value is not null
)
select
  given.subject,
  given.dose,
  setting.criterion,
  max(setting.increase) as increase,
  last(
    setting.value order by coalesce(setting.minute, setting.date::timestamp), setting.value
  ) filter (
    where case
      when setting.minute is not null and given.minute is not null then
        setting.minute < given.minute and setting.minute >= given.minute - to_hours(24)
      else setting.date < given.date and setting.date >= given.date - 1
    end
  ) as before_dose,
  max(setting.value) filter (
    where case
      when setting.minute is not null and given.minute is not null then
        setting.minute > given.minute
        and setting.minute <= given.minute + to_minutes((60 * struct_extract(rules, 'hours'))::bigint)
      else setting.date = given.date + 1
    end
  ) as after_dose,
  bool_and(setting.minute is not null and given.minute is not null) as by_the_hour
from dose_with_time as given
inner join setting on setting.subject = given.subject
group by given.subject, given.dose, setting.criterion;

-- One row a dose and a criterion of worsening: whether it can be told, whether it is met, whether by
-- the hour or by the day, and what happened.
create macro worsening_near_dose(rules) as table
with criterion as (
  select unnest(
    ['vasopressor', 'PEEP', 'FiO2', 'intubation', 'arrhythmia', 'arrest or death']
  ) as criterion
),
happened as (
  select
    given.subject,
    given.dose,
    record.criterion,
    bool_or(record.minute is not null and given.minute is not null) as by_the_hour,
    string_agg(
      distinct record.detail || ' on ' || coalesce(
        strftime(record.minute, '%Y-%m-%d %H:%M'), strftime(record.date, '%Y-%m-%d')
      ),
      '; '
      order by record.detail || ' on ' || coalesce(
        strftime(record.minute, '%Y-%m-%d %H:%M'), strftime(record.date, '%Y-%m-%d')
      )
    ) as detail
  from dose_with_time as given
  inner join worsening_record(rules) as record
    on record.subject = given.subject
    and is_after_dose(record.date, record.minute, given.date, given.minute, record.hours)
  group by given.subject, given.dose, record.criterion
)
select
  given.subject,
  given.arm,
  given.position,
  given.site,
  given.dose,
  criterion.criterion,
  case
    when criterion.criterion in ('PEEP', 'FiO2') then
      setting.before_dose is not null and setting.after_dose is not null
    else true
  end as is_evaluable,
  coalesce(
    setting.after_dose - setting.before_dose >= setting.increase - 1e-9, happened.subject is not null
  ) as is_met,
  coalesce(setting.by_the_hour, happened.by_the_hour, false) as by_the_hour,
  coalesce(
    criterion.criterion || ' ' || setting.before_dose || ' to ' || setting.after_dose,
    happened.detail
  ) as detail
from dose_with_time as given
cross join criterion
left join setting_around_dose(rules) as setting
  on setting.subject = given.subject and setting.dose = given.dose
  and setting.criterion = criterion.criterion
left join happened
  on happened.subject = given.subject and happened.dose = given.dose
  and happened.criterion = criterion.criterion;

-- One row a randomized participant to whom anything was given: the day of the first dose.
create view first_dose as select subject, min(date) as date from dose_with_time group by subject;

-- Every view: how each participant was on each planned day, and what was measured.

-- Whether a value is in a band.
create macro in_band(value, band) as
  value is not null
  and coalesce(value >= band.at_least, true) and coalesce(value > band.above, true)
  and coalesce(value < band.below, true) and coalesce(value <= band.at_most, true);

-- One row a participant whom the filters leave and a planned day of `days`: what is known of them on
-- its date, the support they had, and one value (`what`: ratio, saturation_ratio or scale; null for
-- none) of its visit; of several of one visit the first by date, of blood gases the value of a day. Who
-- died on the date or before counts as dead. Of SpO2/FiO2 both are of the same visit.
create macro person_day(what, days, rules, filters, cutoff) as table
with person as (select * from chosen_participant(filters, cutoff)),
due as (
  select person.*, planned.planned_day, date_of(person.day_one, planned.planned_day) as date
  from person
  cross join (select distinct unnest(days::bigint[]) as planned_day) as planned
  where on_chosen_day(planned.planned_day, filters)
),
gas as (
  select subject, planned_day, first(pao2_fio2 order by date nulls last, record_key) as value
  from blood_gas
  where what = 'ratio' and planned_day is not null and is_day_value
  group by subject, planned_day
),
fraction as (
  select subject, planned_day, first(value order by date nulls last, record_key) as value
  from respiratory_measurement
  where what = 'saturation_ratio' and measure = struct_extract(rules, 'saturation_fio2')
    and value is not null and planned_day is not null
  group by subject, planned_day
),
saturation as (
  select subject, planned_day, first(value order by date nulls last, record_key) as value
  from vital_sign
  where what = 'saturation_ratio' and measure = struct_extract(rules, 'saturation')
    and value is not null and planned_day is not null
  group by subject, planned_day
),
scale as (
  select subject, planned_day, first(value order by date nulls last, record_key) as value
  from clinical_scale
  where what = 'scale' and measure = struct_extract(rules, 'scale')
    and value is not null and planned_day is not null
  group by subject, planned_day
),
-- Of the three at most one has rows.
measured as (
  select subject, planned_day, value from gas
  union all
  select subject, planned_day, value from scale
  union all
  select saturation.subject, saturation.planned_day, saturation.value / fraction.value
  from saturation
  inner join fraction using (subject, planned_day)
  where saturation.value <= struct_extract(rules, 'saturation_at_most')
),
stayed as (
  select
    due.subject,
    due.planned_day,
    bool_or(stay.end_date is null or stay.end_date > due.date) as is_in,
    count(*) as stays
  from due
  inner join stay_in_hospital as stay
    on stay.subject = due.subject and stay.start_date <= due.date
  group by due.subject, due.planned_day
),
supported as (
  select due.subject, due.planned_day, max(respiratory_support.support) as support
  from due
  inner join respiratory_support
    on respiratory_support.subject = due.subject
    and respiratory_support.start_date <= due.date
    and (respiratory_support.end_date is null or respiratory_support.end_date >= due.date)
  group by due.subject, due.planned_day
),
known as (
  select
    due.subject,
    due.arm,
    due.position,
    due.site,
    due.stratum,
    due.planned_day,
    case
      when due.date is null then 'not_known'
      when due.date > cutoff::date then 'to_come'
      when due.died_on <= due.date then 'died'
      when due.ended = 'left' and due.last_day <= due.date then 'left'
      when stayed.is_in then 'in_hospital'
      when stayed.stays > 0 then 'discharged'
      else 'not_known'
    end as fate,
    supported.support,
    measured.value
  from due
  left join stayed on stayed.subject = due.subject and stayed.planned_day = due.planned_day
  left join supported
    on supported.subject = due.subject and supported.planned_day = due.planned_day
  left join measured
    on measured.subject = due.subject and measured.planned_day = due.planned_day
)
select
  * replace (
    case when fate <> 'died' then value end as value,
    -- Support that has no end went on as long as somebody was there to have it.
    case when fate in ('in_hospital', 'discharged', 'not_known') then support end as support
  )
from known;

-- One row a participant whom the filters leave and a planned day: one value (`what`: ratio,
-- saturation_ratio, scale or support), its band, else what became of them. In hospital without any
-- support on record is support 0. A day has everybody once.
create macro day_state(what, bands, days, rules, filters, cutoff) as table
with band as (
  select
    unnest(
      bands::struct(
        name varchar, at_least double, above double, below double, at_most double
      )[],
      recursive := true
    )
),
valued as (
  select
    * replace (
      case what
        when 'support' then coalesce(support, case when fate = 'in_hospital' then 0 end)
        else value
      end as value
    )
  from person_day(what, days, rules, filters, cutoff)
)
select
  valued.*,
  coalesce(
    band.name, case when fate in ('in_hospital', 'not_known') then 'missing' else fate end
  ) as state
from valued
left join band on in_band(valued.value, band);

-- One row a participant and a planned day: the highest PEEP, which tells of PaO2/FiO2 (`what`) only.
create macro peep_of_day(what, rules) as table
select subject, planned_day, max(value) as peep
from respiratory_measurement
where what = 'ratio' and measure = struct_extract(rules, 'peep')
  and value is not null and planned_day is not null
group by subject, planned_day;

-- One row a participant whom the filters leave: where they stand on one day in the rank-based
-- composite (`composite` names its rungs), with PaO2/FiO2; `rung` is null where `state` says why they
-- have none. Discharged with support still on record ranks by that support.
create macro composite_rung(day, composite, rules, filters, cutoff) as table
with told as (
  select
    * rename (value as ratio),
    case
      when fate = 'died' then 'died'
      when fate in ('to_come', 'left') then null
      when list_contains(composite, 'support_' || support) then 'support_' || support
      when fate = 'discharged' and support is null then 'discharged_without_oxygen'
      when value is not null then 'ratio'
    end as found
  from person_day('ratio', [day], rules, filters, cutoff)
)
select
  *,
  case when list_contains(composite, found) then found end as rung,
  case
    when list_contains(composite, found) then found
    when fate in ('to_come', 'left') then fate
    else 'missing'
  end as state
from told;

-- One row a participant whom the filters leave: what is known of invasive ventilation from day 1 to a
-- day. `off` was ventilated and is no longer, `still_on` is on that day. Who counts is told as for
-- vital status: nobody before the window of the day's visit has closed, dead or not, and who died by
-- the day as who is counted among the deaths by it.
create macro ventilation_state(until_day, schedule, filters, cutoff) as table
with person as (
  select
    chosen.*,
    date_of(chosen.day_one, until_day) as until,
    vital.is_past,
    vital.state as vital
  from chosen_participant(filters, cutoff) as chosen
  inner join vital_state([until_day], schedule, filters, cutoff) as vital using (subject)
),
ventilated as (
  select
    person.subject,
    bool_or(
      respiratory_support.start_date is null
      or (respiratory_support.end_date is null and respiratory_support.end_date_text is not null)
    ) as is_undated,
    bool_or(
      respiratory_support.end_date is null or respiratory_support.end_date >= person.until
    ) as is_on
  from person
  inner join respiratory_support using (subject)
  where respiratory_support.support >= 3
    and coalesce(respiratory_support.start_date <= person.until, true)
    and coalesce(respiratory_support.end_date >= person.day_one, true)
  group by person.subject
),
told as (
  select
    person.subject,
    person.arm,
    person.position,
    person.site,
    case
      when person.vital = 'undated' then 'not_known'
      when not person.is_past then 'to_come'
      when person.vital = 'died' then 'died'
      when person.ended = 'left' and person.last_day < person.until then 'left'
      when person.vital <> 'alive' or ventilated.is_undated then 'not_known'
      when ventilated.is_on then 'still_on'
      when ventilated.subject is not null then 'off'
      else 'never'
    end as state
  from person
  left join ventilated using (subject)
)
select * from told;

-- Every view: how long participants are known to have lived, and when they left hospital.

-- One row a randomized participant who left hospital alive or dead: the first day, from day 1 to the
-- cut-off, on which a stay ended and no other went on.
create macro first_discharge(cutoff) as table
select stay.subject, min(stay.end_date) as discharge_date
from stay_in_hospital as stay
inner join participation using (subject)
where stay.end_date between participation.day_one and cutoff::date
  and not exists (
    select 1 from stay_in_hospital as other
    where other.subject = stay.subject
      and coalesce(other.start_date <= stay.end_date, true)
      and coalesce(other.end_date > stay.end_date, true)
  )
group by stay.subject;

-- One row a participant whom the filters leave: the study day of death (`is_dead`), or the last one on
-- which they are known to have been alive; null without a date of randomization. A planned visit, or
-- completing the study, in the window before the planned day counts for that day, but not of who left
-- the study. A death that has no date stands on the earliest day that it can have been; `is_earliest`
-- says so. `cutoff_day` is the study day of the cut-off.
create macro person_survival(schedule, filters, cutoff) as table
with person as (
  select
    chosen.subject,
    chosen.site,
    chosen.stratum,
    chosen.arm,
    chosen.position,
    chosen.day_one,
    chosen.ended,
    chosen.death_date,
    chosen.died_on,
    coalesce(chosen.ended = 'died', false) as is_dead,
    least(cutoff::date, greatest(chosen.day_one, participation.alive_until)) as seen_alive
  from chosen_participant(filters, cutoff) as chosen
  inner join participation on participation.subject = chosen.subject
),
seen as (
  select subject, visit_number, start_date as date from visit where visit_number is not null
  union all
  select subject, null, completion_date from participation where ended = 'completed'
),
in_window as (
  select person.subject, max(date_of(person.day_one, planned.day)) as planned_date
  from person
  inner join seen on seen.subject = person.subject and seen.date <= cutoff::date
  inner join (select unnest(schedule, recursive := true)) as planned
    on seen.visit_number = planned.number or seen.visit_number is null
  where person.ended is distinct from 'left'
    and seen.date
      between date_of(person.day_one, planned.day) - planned.window_before::integer
      and date_of(person.day_one, planned.day)
  group by person.subject
),
dated as (
  select
    person.*,
    case
      when person.is_dead then person.died_on
      else least(cutoff::date, greatest(person.seen_alive, in_window.planned_date))
    end as last_date
  from person
  left join in_window on in_window.subject = person.subject
)
select
  subject,
  site,
  stratum,
  arm,
  position,
  day_one,
  is_dead,
  is_dead and death_date is null as is_earliest,
  -- `greatest` would make day 1 of an unknown one.
  case when day_one is not null then greatest(last_date - day_one + 1, 1) end as day,
  cutoff::date - day_one + 1 as cutoff_day
from dated;

-- One row a participant whom the filters leave and a study day of `days`: what is known of them on it.
-- `is_past`: the window of the visit that is planned for it had closed by the cut-off.
create macro vital_state(days, schedule, filters, cutoff) as table
select
  person.*,
  asked.asked_day,
  coalesce(person.cutoff_day >= asked.closing_day, false) as is_past,
  case
    when person.day_one is null then 'undated'
    when person.is_dead and person.day <= asked.asked_day then 'died'
    when person.day >= asked.asked_day then 'alive'
    when person.cutoff_day < asked.closing_day then 'not_due'
    else 'not_known'
  end as state
from person_survival(schedule, filters, cutoff) as person
cross join (
  select
    wanted.asked_day,
    wanted.asked_day + coalesce(max(planned.window_after), 0)::integer as closing_day
  from (select unnest(days::bigint[]) as asked_day) as wanted
  left join (select unnest(schedule, recursive := true)) as planned
    on planned.day = wanted.asked_day
  group by wanted.asked_day
) as asked;

-- One row a participant whom the filters leave: how the stay in hospital on day 1 ended, and on which
-- study day, or until when it is known to have gone on. Who died on the day it ended died in it.
create macro hospital_course(schedule, filters, cutoff) as table
with stayed as (
  select
    person.subject,
    bool_or(stay.end_date is null and stay.end_date_text is not null) as is_undated
  from person_survival(schedule, filters, cutoff) as person
  inner join stay_in_hospital as stay
    on stay.subject = person.subject
    and coalesce(stay.start_date <= person.day_one, true)
    and coalesce(stay.end_date >= person.day_one, true)
  group by person.subject
),
dated as (
  select
    person.*,
    stayed.subject is not null as is_in,
    coalesce(stayed.is_undated, false) as is_undated,
    first_discharge.discharge_date - person.day_one + 1 as discharge_day
  from person_survival(schedule, filters, cutoff) as person
  left join stayed on stayed.subject = person.subject
  left join first_discharge(cutoff) as first_discharge on first_discharge.subject = person.subject
),
told as (
  select
    *,
    case
      when day_one is null then 'undated'
      when not is_in then 'not_in_hospital'
      when discharge_day < day or (discharge_day = day and not is_dead) then 'discharged'
      when is_dead then 'died'
      when is_undated then 'no_date'
      else 'in_hospital'
    end as state
  from dated
)
select * replace (case when state = 'discharged' then discharge_day else day end as day) from told;

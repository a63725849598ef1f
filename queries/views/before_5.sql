-- Stores of formats before 5: what a load decides now, from what these have of it. Ends without a
-- record count up to the cut-off there, as they did.
create table standing as
with ending as (
  select subject, upper(trim(disposition)) as reason, start_date
  from study_disposition
  where coalesce(upper(trim(category)), 'DISPOSITION EVENT') = 'DISPOSITION EVENT'
    and upper(trim(disposition)) not in (
      'INFORMED CONSENT OBTAINED', 'RANDOMIZED', 'SCREEN FAILURE', 'SCREENING FAILURE'
    )
),
ended as (
  select
    subject,
    bool_or(reason = 'DEATH') as died,
    min(start_date) filter (where reason = 'DEATH') as death_date,
    bool_or(reason = 'COMPLETED') as completed,
    min(start_date) filter (where reason = 'COMPLETED') as completion_date,
    first(reason order by start_date nulls last, reason)
      filter (where reason not in ('DEATH', 'COMPLETED')) as reason,
    min(start_date) filter (where reason not in ('DEATH', 'COMPLETED')) as leaving_date
  from ending
  group by subject
),
seen as (
  select subject, max(date) as alive_until
  from (
    select subject, start_date as date from visit where visit_number is not null
    union all
    select subject, date from laboratory where visit_number is not null
    union all
    select subject, date from vital_sign where visit_number is not null
    union all
    select subject, date from vital_status_contact where status = 'ALIVE'
    union all
    select subject, end_date from hospital_stay
    union all
    select subject, completion_date from ended
  )
  where date <= (select date from cut_off)
  group by subject
),
known as (
  select
    participant.subject,
    participant.screen_failure,
    participant.randomized,
    participant.randomization_date,
    case
      when participant.died or coalesce(ended.died, false) then 'died'
      when ended.completed then 'completed'
      when ended.reason is not null then 'left'
    end as ended,
    ended.reason,
    coalesce(participant.death_date, ended.death_date) as death_date,
    participant.death_date_text,
    ended.completion_date,
    ended.leaving_date,
    seen.alive_until
  from participant
  left join ended using (subject)
  left join seen using (subject)
)
select
  subject,
  ended,
  reason,
  death_date,
  death_date_text,
  null::varchar as death_source,
  completion_date,
  leaving_date,
  least(
    (select date from cut_off),
    case ended
      when 'died' then death_date when 'completed' then completion_date when 'left' then leaving_date
    end
  ) as observed_until,
  null::varchar as observed_by,
  alive_until,
  case when not randomized then if(screen_failure, 'failed', 'in screening') end as screening,
  null::varchar as screening_reason,
  date_trunc('month', randomization_date)::date as randomized_month
from known;
create table recorded as
with field (dataset, field, filled) as (
  select 'AE', 'AESER', count(serious) from adverse_event
  union all
  select 'AE', 'AESDTH', count(serious_death) from adverse_event
  union all
  select 'AE', 'AETOXGR', count(grade) from adverse_event
  union all
  select 'AE', 'AESEV', count(severity) from adverse_event
  union all
  select 'AE', 'AEOUT', count(outcome) from adverse_event
  union all
  select 'AE', 'AESTDTC', count(start_date_text) from adverse_event
  union all
  select 'DM', 'DTHFL', 1
)
select *, filled > 0 or not exists (select 1 from adverse_event) as is_recorded from field;
create view known_fact as
select null::bigint as position, null::varchar as fact, null::varchar as source, null::bigint as known,
  null::bigint as "of"
where false;
create view why_left as select subject, reason from standing;
create view left_in_all as
select null::varchar as reason, null::bigint as participants where false;
create view later_death as
select subject, start_date, start_date_text from disposition_later
where upper(trim(disposition)) = 'DEATH';

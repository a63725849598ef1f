-- One row a dose and a usable gas of the same participant around it, of whom the filters leave;
-- unblinded: how many hours after it, where both are known to the minute, and on which day: the
-- first 24 hours after a dose are day 0, those before it day -1; without clock times by the dates, and
-- a gas of the dose's date has no day then. A gas is a pressure and a fraction of one minute, so that
-- the several gases of a visit around a dose count each; which ratios are used is as for all gases.
with sample as (
  select
    subject,
    date,
    minute_of(date_text) as minute,
    max(value) filter (where measure = 'pao2') / max(value) filter (where measure = 'fio2') as value
  from laboratory
  where measure in ('pao2', 'fio2') and value is not null and date is not null
  group by subject, visit, date, date_text
  having count(*) filter (where measure = 'pao2') = 1
    and count(*) filter (where measure = 'fio2') = 1
),
around as (
  select
    given.subject,
    given.arm,
    given.position,
    given.dose,
    gas.value,
    date_diff('minute', given.minute, gas.minute) / 60 as hours,
    gas.date - given.date as days
  from dose_with_time as given
  inner join chosen_participant($filters, $cutoff) as chosen using (subject)
  inner join sample as gas
    on gas.subject = given.subject and abs(gas.date - given.date) <= $around + 1
  where gas.value between 20 and 700
)
select
  dense_rank() over (order by position, subject) as line,
  arm,
  position,
  dose,
  value,
  hours,
  case
    when hours is not null then floor(hours / 24)::integer
    when days <> 0 then days::integer
  end as "day"
from around
where case when hours is not null then abs(hours) < 24 * $around else abs(days) <= $around end
order by dose, line, coalesce(hours, 24 * days), value

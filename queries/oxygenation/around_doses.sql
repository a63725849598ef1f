-- One row a dose and a usable gas of the same participant around it, of whom the filters leave;
-- unblinded: how many hours after it, where both are known to the minute, and on which day: the
-- first 24 hours after a dose are day 0, those before it day -1; without clock times by the dates, and
-- a gas of the dose's date has no day then. Gases are paired as everywhere, and each of a day counts.
with sample as (
  select
    gas.subject,
    gas.date,
    minute_of(laboratory.date_text) as minute,
    gas.pao2_fio2 as value
  from blood_gas as gas
  inner join laboratory using (record_key)
  where gas.date is not null
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

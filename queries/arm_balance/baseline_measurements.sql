-- One row an arm and a continuous characteristic at baseline, of randomized participants.
-- counts: participants, n + missing
-- of n: mean, sd, median, lower_quartile, upper_quartile
-- single: minimum, maximum
-- fixed: characteristics, measures
with bmi as (
  select weight.subject, weight.value / power(height.value / 100, 2) as value
  from vital_sign as weight
  inner join vital_sign as height using (subject)
  where weight.measure = 'weight' and weight.is_baseline
    and height.measure = 'height' and height.is_baseline
),
recorded as (
  select subject, 'age' as characteristic, age as value from participant
  union all
  select subject, 'bmi', value from bmi
  union all
  select subject, 'pao2_fio2', pao2_fio2 from blood_gas where is_baseline
  union all
  select subject, measure, value from laboratory
  where is_baseline and list_contains($measures, measure)
  union all
  select subject, measure, value from vital_sign
  where is_baseline and list_contains($measures, measure)
),
wanted as (
  select characteristic, ordinality as place
  from (select unnest($characteristics) as characteristic,
    generate_subscripts($characteristics, 1) as ordinality)
)
select
  wanted.characteristic,
  wanted.place,
  participant.arm,
  participant.position,
  count(*) as participants,
  count(recorded.value) as n,
  count(*) - count(recorded.value) as missing,
  favg(recorded.value order by recorded.value) as mean,
  stddev_samp(recorded.value order by recorded.value) as sd,
  quantile_cont(recorded.value, 0.5) as median,
  quantile_cont(recorded.value, 0.25) as lower_quartile,
  quantile_cont(recorded.value, 0.75) as upper_quartile,
  min(recorded.value) as minimum,
  max(recorded.value) as maximum
from participant
cross join wanted
left join recorded
  on recorded.subject = participant.subject and recorded.characteristic = wanted.characteristic
where participant.randomized and participant.arm is not null
group by all
order by wanted.place, participant.position

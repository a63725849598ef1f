-- One row an arm and a continuous characteristic at baseline, of randomized participants.
-- alone by characteristic: n + missing
-- of n: mean, sd, median, lower_quartile, upper_quartile
-- withheld: minimum, maximum
-- fixed: characteristics
with wanted as (
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
left join baseline_value as recorded
  on recorded.subject = participant.subject and recorded.characteristic = wanted.characteristic
where participant.randomized and participant.arm is not null
group by all
order by wanted.place, participant.position

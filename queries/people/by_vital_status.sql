-- One row a randomized participant whom the filters leave, of an arm (null leaves all), of whom this is
-- known on a study day, and why they are in the list; `$only_past` leaves who could be followed to it.
select
  subject,
  site,
  arm,
  case state
    when 'died' then 'died on day ' || day || case when is_earliest then ' at the earliest' else '' end
    when 'undated' then 'no date of randomization'
    else 'known alive to day ' || day
  end as why
from vital_state([$asked_day], $schedule, $filters, $cutoff)
where state = $state
  and (is_past or not $only_past)
  and ($arm is null or arm = $arm)
order by subject

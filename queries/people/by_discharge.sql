-- One row a randomized participant whom the filters leave, of an arm (null leaves all), whose stay in
-- hospital on day 1 ended so, and why they are in the list.
select
  subject,
  site,
  arm,
  case state
    when 'discharged' then 'discharged alive on day ' || day
    when 'died' then 'died before discharge, on day ' || day
    else 'in hospital, known to day ' || day
  end as why
from hospital_course($schedule, $filters, $cutoff)
where state = $state and ($arm is null or arm = $arm)
order by subject

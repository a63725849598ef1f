-- One row a randomized participant of a site, stratum or calendar month, of an arm (null leaves all), and
-- why they are in the list: when they were randomized.
select
  subject,
  site,
  arm,
  concat_ws(' ', 'randomized', coalesce('on ' || randomization_date, 'on a date not known')) as why
from allocated
where kind = $kind and value = $value and ($arm is null or arm = $arm)
order by subject

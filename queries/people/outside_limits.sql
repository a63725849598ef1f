-- One row a randomized participant on one side of the limits of a measure, of an arm (null leaves all),
-- and why they are in the list: the value at baseline.
select
  subject,
  site,
  arm,
  concat_ws(' ', $label, coalesce(round(value, 1)::varchar, 'not recorded'), $unit) as why
from held_against_limits($limits)
where measure = $measure and side = $side and ($arm is null or arm = $arm)
order by subject

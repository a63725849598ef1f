-- One row a participant who was in a state on a planned day (null leaves all with a value), of an
-- arm (null leaves all), of those whom the filters leave, and why: the value, or the state.
select
  subject,
  site,
  arm,
  concat_ws(
    ', ',
    'day ' || planned_day,
    coalesce($label || ' ' || round(value, 2), replace(state, '_', ' ')),
    case when fate <> 'died' then 'PEEP ' || round(peep, 1) end
  ) as why
from day_state($what, $bands, $days, $rules, $filters, $cutoff)
left join peep_of_day($what, $rules) using (subject, planned_day)
where planned_day = $planned_day
  and case when $state is null then value is not null else state = $state end
  and ($arm is null or arm = $arm)
order by subject

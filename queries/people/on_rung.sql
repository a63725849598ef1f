-- One row a participant at a place of the rank-based composite of a day, or with a reason for none, of
-- an arm, of those whom the filters leave, and why they are in the list.
select
  subject,
  site,
  arm,
  concat_ws(
    ', ',
    'day ' || planned_day,
    $label,
    case when state = 'ratio' then 'PaO2/FiO2 ' || round(ratio, 0) end
  ) as why
from composite_rung($planned_day, $composite, $rules, $filters, $cutoff)
where state = $state and arm = $arm
order by subject

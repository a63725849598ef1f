-- One row a participant whom the filters leave who stands at a place of the rank-based composite of a
-- day, or has none for a reason, of an arm, and why they are in the list.
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

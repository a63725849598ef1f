-- One row a grading, an arm, a grade at baseline and the highest after it, null where there is none,
-- and whether it rose: participants.
select
  measure,
  term,
  arm,
  position,
  baseline_grade,
  worst_grade,
  coalesce(rose, false) as rose,
  count(*) as participants
from worst_grade($steps, $filters, $cutoff)
group by all
order by measure, term, position, baseline_grade nulls last, worst_grade nulls last, rose

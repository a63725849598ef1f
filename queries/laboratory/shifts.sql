-- One row a grading, an arm, a grade at baseline and the highest after it, null where there is none,
-- and whether it rose: participants, and of whom a grade is not known for the want of a limit of normal.
select
  measure,
  term,
  arm,
  position,
  baseline_grade,
  worst_grade,
  coalesce(rose, false) as rose,
  count(*) as participants,
  count(*) filter (where is_without_limit) as without_limit
from worst_grade($steps, $filters, $cutoff)
group by all
order by measure, term, position, baseline_grade nulls last, worst_grade nulls last, rose

-- One row a grading and an arm: participants with a grade at baseline and one after it, those without
-- either, and of these those without for the want of a limit of normal; and those whose grade rose, to
-- any and to 3 or 4.
select
  measure,
  term,
  arm,
  position,
  count(*) filter (where baseline_grade is not null and worst_grade is not null) as graded,
  count(*) filter (where baseline_grade is null or worst_grade is null) as not_graded,
  count(*) filter (where is_without_limit) as without_limit,
  count(*) filter (where rose) as rose,
  count(*) filter (where rose and worst_grade >= 3) as rose_to_3
from worst_grade($steps, $filters, $cutoff)
group by measure, term, arm, position
order by measure, term, position

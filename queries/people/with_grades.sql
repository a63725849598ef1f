-- One row a participant whom the filters leave, with a grade at baseline and one after it that are as
-- asked for: of an arm, the one at baseline, the least and the most after it, risen or not (null
-- leaves all); and why they are in the list: those grades.
select
  subject,
  site,
  arm,
  concat_ws(
    ', ',
    term,
    'baseline grade ' || baseline_grade,
    'highest after it ' || worst_grade,
    case when worst_grade > 0 then 'first on day ' || first_day end
  ) as why
from worst_grade($steps, $filters, $cutoff)
where baseline_grade is not null
  and worst_grade is not null
  and ($arm is null or arm = $arm)
  and ($baseline_grade is null or baseline_grade = $baseline_grade)
  and ($least_grade is null or worst_grade >= $least_grade)
  and ($most_grade is null or worst_grade <= $most_grade)
  and ($rose is null or rose = $rose)
order by subject, term

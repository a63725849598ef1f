-- One row a participant whom the filters leave, without saying who: peaks of liver tests after day 1 as
-- multiples of the upper limit of normal, the quadrant, and the course of what may be Hy's law.
select
  arm,
  position,
  aminotransferase,
  bilirubin,
  alkaline_phosphatase,
  quadrant,
  case when quadrant = 'not_judged' then without_limit end as without_limit,
  rise_day,
  days_after,
  alkaline_phosphatase_between,
  is_under_limit,
  r_ratio,
  context
from liver_signs($liver, $filters, $cutoff)
order by
  position,
  aminotransferase desc nulls last,
  bilirubin desc nulls last,
  alkaline_phosphatase desc nulls last,
  rise_day nulls last,
  days_after,
  alkaline_phosphatase_between,
  r_ratio,
  context,
  without_limit nulls last

-- One row a participant whom the filters leave whose liver tests are in a quadrant (null leaves all),
-- of an arm; with bilirubin within the window, with alkaline phosphatase under its limit, and with
-- nothing else to explain it, where that is asked for; and why: the peaks and the course.
select
  subject,
  site,
  arm,
  concat_ws(
    ', ',
    'no upper limit of normal: ' || if(quadrant = 'not_judged', without_limit, null),
    'aminotransferase ' || round(aminotransferase, 1) || ' × ULN',
    'bilirubin ' || round(bilirubin, 1) || ' × ULN',
    'rise on day ' || rise_day,
    'bilirubin ' || days_after || ' days later',
    'alkaline phosphatase ' || round(alkaline_phosphatase_between, 1) || ' × ULN',
    'R ' || round(r_ratio, 1),
    context
  ) as why
from liver_signs($liver, $filters, $cutoff)
where quadrant is not null
  and ($quadrant is null or quadrant = $quadrant)
  and ($arm is null or arm = $arm)
  and (not $in_window or days_after is not null)
  and (not $under_limit or coalesce(is_under_limit, false))
  and (not $unexplained or context is null)
order by subject

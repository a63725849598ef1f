-- One row a randomized participant whom the filters leave, of an arm (null leaves all), who left the
-- study for an adverse event, and why they are in the list: when.
select
  chosen.subject,
  chosen.site,
  chosen.arm,
  concat_ws(' ', 'left the study for an adverse event', 'on ' || chosen.last_day) as why
from chosen_participant($filters, $cutoff) as chosen
where chosen.ended = 'left' and chosen.reason = 'ADVERSE EVENT'
  and ($arm is null or chosen.arm = $arm)
order by chosen.subject

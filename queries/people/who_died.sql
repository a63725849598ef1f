-- One row a randomized participant whom the filters leave, of an arm (null leaves all), who died, and
-- why they are in the list: when.
select
  chosen.subject,
  chosen.site,
  chosen.arm,
  concat_ws(
    ' ', 'died', coalesce('on ' || chosen.death_date, 'on a date that is not known to the day')
  ) as why
from chosen_participant($filters, $cutoff) as chosen
where chosen.ended = 'died'
  and ($arm is null or chosen.arm = $arm)
order by chosen.subject

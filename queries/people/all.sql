-- One row a randomized participant whom the filters leave, of an arm (null leaves all), and how their
-- participation stands.
select
  chosen.subject,
  chosen.site,
  chosen.arm,
  concat_ws(
    ', ',
    printf('%g years', chosen.age),
    case chosen.sex when 'F' then 'woman' when 'M' then 'man' end,
    case chosen.ended
      when 'died' then 'died'
      when 'completed' then 'completed'
      when 'left' then 'left the study'
      else 'in follow-up'
    end
  ) as why
from chosen_participant($filters, $cutoff) as chosen
where $arm is null or chosen.arm = $arm
order by chosen.subject

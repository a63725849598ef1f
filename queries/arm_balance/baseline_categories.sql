-- One row an arm, a categorical characteristic and one of its values, of randomized participants.
-- merged by value within characteristic: participants
with support_at_baseline as (
  select respiratory_support.subject, max(respiratory_support.support) as support
  from respiratory_support
  inner join participant using (subject)
  where respiratory_support.start_date <= participant.randomization_date
    and coalesce(respiratory_support.end_date, participant.randomization_date)
      >= participant.randomization_date
  group by respiratory_support.subject
),
recorded as (
  select subject, arm, position, 'sex' as characteristic, sex as value, 1 as place,
    null as level
  from participant where randomized
  union all
  select subject, arm, position, 'race', race, 2, null from participant where randomized
  union all
  select participant.subject, participant.arm, participant.position, 'support',
    case support_at_baseline.support
      when 1 then 'Cannula or mask'
      when 2 then 'High flow or non-invasive'
      when 3 then 'Invasive ventilation'
      when 4 then 'ECMO'
    end, 3, support_at_baseline.support
  from participant
  left join support_at_baseline using (subject)
  where participant.randomized
)
select characteristic, place, value, arm, position, count(*) as participants
from recorded
where arm is not null
group by all
order by place, min(level) nulls last, value nulls last, position

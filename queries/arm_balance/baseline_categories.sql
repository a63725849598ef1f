-- One row an arm, a categorical characteristic and one of its values, of randomized participants.
with recorded as (
  select subject, arm, position, 'sex' as characteristic, sex as value, 1 as place
  from participant where randomized
  union all
  select subject, arm, position, 'race', race, 2 from participant where randomized
  union all
  select participant.subject, participant.arm, participant.position, 'support',
    case max(respiratory_support.support)
      when 1 then 'Cannula or mask'
      when 2 then 'High flow or non-invasive'
      when 3 then 'Invasive ventilation'
      when 4 then 'ECMO'
    end, 3
  from participant
  left join respiratory_support
    on respiratory_support.subject = participant.subject
    and respiratory_support.start_date <= participant.randomization_date
    and coalesce(respiratory_support.end_date, participant.randomization_date)
      >= participant.randomization_date
  where participant.randomized
  group by all
)
select characteristic, place, value, arm, position, count(*) as participants
from recorded
where arm is not null
group by all
order by place, value nulls last, position

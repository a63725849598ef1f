-- One row a planned day, an arm and a state: the participants in it, be it a band of the value or what
-- became of them, and of those with a value how many had enough PEEP recorded.
select
  planned_day,
  arm,
  position,
  state,
  count(*) as participants,
  count(*) filter (where value is not null and peep >= $least_peep) as with_peep
from day_state($what, $bands, $days, $rules, $filters, $cutoff)
left join peep_of_day($what, $rules) using (subject, planned_day)
group by planned_day, arm, position, state
order by planned_day, position, state

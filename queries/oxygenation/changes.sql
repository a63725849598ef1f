-- One row a participant whom the filters leave and a planned day after day 1: PaO2/FiO2 at baseline and
-- on the day, and what became of who has none on the day. Who is whose is told by a number only.
with baseline as (select subject, pao2_fio2 from blood_gas where is_baseline)
select
  dense_rank() over (order by position, subject) as line,
  person.arm,
  person.position,
  person.site,
  person.stratum,
  person.planned_day,
  baseline.pao2_fio2 as baseline,
  person.value,
  person.state
from day_state('ratio', [], $days, $rules, $filters, $cutoff) as person
left join baseline using (subject)
where person.planned_day > 1
order by line, person.planned_day

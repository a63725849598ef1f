-- Every view: values at baseline of what eligibility and Table 1 ask for, one row a participant and a
-- characteristic; the body mass index from weight and height at baseline.
create view baseline_value as
select subject, 'age' as characteristic, age as value from participant
union all
select weight.subject, 'bmi', weight.value / power(height.value / 100, 2)
from vital_sign as weight
inner join vital_sign as height using (subject)
where weight.measure = 'weight' and weight.is_baseline
  and height.measure = 'height' and height.is_baseline
union all
select subject, 'pao2_fio2', pao2_fio2 from blood_gas where is_baseline
union all
select subject, measure, value from laboratory where is_baseline and measure is not null
union all
select subject, measure, value from vital_sign where is_baseline and measure is not null;

-- One row a randomized participant and a value that eligibility is decided by; `side` says whether it
-- is below or above the criterion's limits, which belong to those who are eligible.
create macro held_against_limits(limits) as table
select
  participant.subject,
  coalesce(participant.site, '(no site)') as site,
  participant.arm,
  participant.position,
  criterion.measure,
  baseline_value.value,
  case
    when baseline_value.value < criterion.lower then 'below'
    when baseline_value.value > criterion.upper then 'above'
    when baseline_value.value is not null then 'within'
    else 'missing'
  end as side
from participant
cross join (
  select
    unnest(limits::struct(measure varchar, lower double, upper double)[], recursive := true)
) as criterion
left join baseline_value
  on baseline_value.subject = participant.subject
  and baseline_value.characteristic = criterion.measure
where participant.randomized and participant.arm is not null;

-- One row a randomized participant and a place in the trial that allocation is counted by: the site,
-- the stratum where the list has one, the calendar month.
create view allocated as
select
  person.subject,
  coalesce(person.site, '(no site)') as site,
  person.arm,
  person.position,
  person.randomization_date,
  place.kind,
  place.value
from participant as person
cross join unnest([
  struct_pack(kind := 'site', value := coalesce(person.site, '(no site)')),
  struct_pack(kind := 'stratum', value := person.stratum),
  struct_pack(
    kind := 'month', value := coalesce(strftime(person.randomization_date, '%Y-%m'), '(no date)')
  )
]) as listed(place)
where person.randomized and person.arm is not null and place.value is not null;

-- With sealed records: relations are whole, and exposure is there. Plain ones are made from the
-- store's catalog of datasets.
create view participant as
select
  person.* replace (
    person.randomized and coalesce(person.randomization_date <= cut_off.date, true) as randomized
  ),
  arm_of.arm,
  arm_of.position
from sealed_data.participant as person
cross join cut_off
left join arm_of using (subject)
where coalesce(person.screening_date <= cut_off.date, true);
-- Of stores of formats before 5: how participation ended is decided by the load.
create view study_disposition as
select * from disposition where coalesce(subcategory, '') not ilike '%treatment%';
create view cause_of_death as
select
  subject,
  string_agg(
    distinct coalesce(nullif(trim(standard_result), ''), trim(result)), '; '
    order by coalesce(nullif(trim(standard_result), ''), trim(result))
  ) as cause
from death_detail
where upper(trim(test_code)) = 'PRCDTH'
group by subject;
-- Doses as recorded, given or not; of those as collected, what exposure has no record of on the day.
create view administration as
select
  subject, start_date, record_key, coalesce(dose, 1) > 0 as is_given,
  nullif(trim(adjustment_reason), '') as reason, nullif(trim(lot), '') as lot
from exposure
union all
select
  subject, start_date, record_key,
  occurred is distinct from 'N' and coalesce(dose, 1) > 0 as is_given,
  nullif(trim(reason), '') as reason, nullif(trim(lot), '') as lot
from exposure_as_collected as collected
where mood is distinct from 'SCHEDULED' and not exists (
  select 1 from exposure
  where exposure.subject = collected.subject
    and exposure.start_date is not distinct from collected.start_date
);
-- Events under sealed terms are among the adverse events here.
create view sealed_event as
select 0 as at_least, 0 as terms;
create view dose_given as select subject, start_date from administration where is_given;

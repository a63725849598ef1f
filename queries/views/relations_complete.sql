-- With sealed records: every relation is whole, and exposure is there.
create view dataset as select * from sealed_data.dataset;
create view participant as select * from sealed_data.participant left join arm_of using (subject);
create view disposition as select * from sealed_data.disposition;
create view study_disposition as
select * from disposition where coalesce(subcategory, '') not ilike '%treatment%';
create view criterion_exception as select * from sealed_data.criterion_exception;
create view visit as select * from sealed_data.visit;
create view adverse_event as select * from sealed_data.adverse_event;
create view laboratory as select * from sealed_data.laboratory;
create view vital_sign as select * from sealed_data.vital_sign;
create view blood_gas as select * from sealed_data.blood_gas;
create view procedure as select * from sealed_data.procedure;
create view exposure as select * from sealed_data.exposure;
create view hospital_stay as select * from sealed_data.hospital_stay;
create view vital_status_contact as select * from sealed_data.vital_status_contact;
create view death_detail as select * from sealed_data.death_detail;
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
create view deviation as select * from sealed_data.deviation;
create view medication as select * from sealed_data.medication;
create view medical_history as select * from sealed_data.medical_history;
create view clinical_event as select * from sealed_data.clinical_event;
create view finding_about as select * from sealed_data.finding_about;
create view respiratory_measurement as select * from sealed_data.respiratory_measurement;
create view clinical_scale as select * from sealed_data.clinical_scale;
create view cell_phenotype as select * from sealed_data.cell_phenotype;
create view ecg as select * from sealed_data.ecg;
create view questionnaire as select * from sealed_data.questionnaire;
create view supplemental_qualifier as select * from sealed_data.supplemental_qualifier;
create view exposure_as_collected as select * from sealed_data.exposure_as_collected;
create view drug_accountability as select * from sealed_data.drug_accountability;
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

-- Pooled and coded: every relation is what the allow-list opened, beside the participant's arm.
create view dataset as select * from open_data.dataset;
create view participant as select * from open_data.participant left join arm_of using (subject);
create view disposition as select * from open_data.disposition left join arm_of using (subject);
create view study_disposition as select * from disposition;
create view criterion_exception as
select * from open_data.criterion_exception left join arm_of using (subject);
create view visit as select * from open_data.visit left join arm_of using (subject);
create view adverse_event as select * from open_data.adverse_event left join arm_of using (subject);
create view laboratory as select * from open_data.laboratory left join arm_of using (subject);
create view vital_sign as select * from open_data.vital_sign left join arm_of using (subject);
create view blood_gas as select * from open_data.blood_gas left join arm_of using (subject);
create view procedure as select * from open_data.procedure left join arm_of using (subject);
create view hospital_stay as select * from open_data.hospital_stay left join arm_of using (subject);
create view vital_status_contact as
select * from open_data.vital_status_contact left join arm_of using (subject);
create view death_detail as select * from open_data.death_detail left join arm_of using (subject);
-- What somebody died of is free text, which can tell the treatment.
create view cause_of_death as select null::varchar as subject, null::varchar as cause where false;
create view deviation as select * from open_data.deviation left join arm_of using (subject);
create view medication as select * from open_data.medication left join arm_of using (subject);
create view medical_history as
select * from open_data.medical_history left join arm_of using (subject);
create view clinical_event as
select * from open_data.clinical_event left join arm_of using (subject);
create view finding_about as select * from open_data.finding_about left join arm_of using (subject);
create view respiratory_measurement as
select * from open_data.respiratory_measurement left join arm_of using (subject);
create view clinical_scale as
select * from open_data.clinical_scale left join arm_of using (subject);
create view cell_phenotype as
select * from open_data.cell_phenotype left join arm_of using (subject);
create view ecg as select * from open_data.ecg left join arm_of using (subject);
create view questionnaire as select * from open_data.questionnaire left join arm_of using (subject);
create view supplemental_qualifier as
select * from open_data.supplemental_qualifier left join arm_of using (subject);
create view sealed_event as select * from open_data.sealed_event;
create view dose_given as
select null::varchar as subject, null::date as start_date where false;
-- What was given is sealed: here nobody has a first dose.
create view first_dose as select subject, null::date as date from open_data.participant where false;

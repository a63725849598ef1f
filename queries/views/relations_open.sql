-- Pooled and coded: every relation is what the allow-list opened; who is in which arm stands beside
-- the participant.
create view dataset as select * from open_data.dataset;
create view participant as select * from open_data.participant left join arm_of using (subject);
create view disposition as select * from open_data.disposition;
create view study_disposition as select * from disposition;
create view criterion_exception as select * from open_data.criterion_exception;
create view visit as select * from open_data.visit;
create view adverse_event as select * from open_data.adverse_event;
create view laboratory as select * from open_data.laboratory;
create view vital_sign as select * from open_data.vital_sign;
create view blood_gas as select * from open_data.blood_gas;
create view procedure as select * from open_data.procedure;
create view hospital_stay as select * from open_data.hospital_stay;
create view vital_status_contact as select * from open_data.vital_status_contact;
create view death_detail as select * from open_data.death_detail;
-- What somebody died of is free text, which can tell the treatment.
create view cause_of_death as select null::varchar as subject, null::varchar as cause where false;
create view deviation as select * from open_data.deviation;
create view medication as select * from open_data.medication;
create view medical_history as select * from open_data.medical_history;
create view clinical_event as select * from open_data.clinical_event;
create view finding_about as select * from open_data.finding_about;
create view respiratory_measurement as select * from open_data.respiratory_measurement;
create view clinical_scale as select * from open_data.clinical_scale;
create view cell_phenotype as select * from open_data.cell_phenotype;
create view ecg as select * from open_data.ecg;
create view questionnaire as select * from open_data.questionnaire;
create view supplemental_qualifier as select * from open_data.supplemental_qualifier;
create view sealed_event as select * from open_data.sealed_event;
create view dose_given as
select null::varchar as subject, null::date as start_date where false;
-- What was given is sealed: here nobody has a first dose.
create view first_dose as select subject, null::date as date from open_data.participant where false;

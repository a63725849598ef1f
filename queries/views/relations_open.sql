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

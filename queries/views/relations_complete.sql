-- Unblinded: every relation is whole, with what was sealed, and exposure is there.
create view dataset as select * from sealed_data.dataset;
create view participant as select * from sealed_data.participant left join arm_of using (subject);
create view disposition as select * from sealed_data.disposition left join arm_of using (subject);
create view study_disposition as
select * from disposition where coalesce(subcategory, '') not ilike '%treatment%';
create view criterion_exception as
select * from sealed_data.criterion_exception left join arm_of using (subject);
create view visit as select * from sealed_data.visit left join arm_of using (subject);
create view adverse_event as select * from sealed_data.adverse_event left join arm_of using (subject);
create view laboratory as select * from sealed_data.laboratory left join arm_of using (subject);
create view vital_sign as select * from sealed_data.vital_sign left join arm_of using (subject);
create view blood_gas as select * from sealed_data.blood_gas left join arm_of using (subject);
create view procedure as select * from sealed_data.procedure left join arm_of using (subject);
create view exposure as select * from sealed_data.exposure left join arm_of using (subject);
create view actual_arm as
select allocation.subject, label.arm, label.position
from sealed_data.allocation as allocation
inner join label on label.code = allocation.actual;

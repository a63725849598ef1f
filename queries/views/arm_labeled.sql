-- Coded and unblinded: `label` (code, arm, position) says what each arm is called on this connection.
create view arm as select arm, position from label;
create view arm_of as
select allocation.subject, label.arm, label.position
from sealed_data.allocation as allocation
inner join label on label.code = allocation.planned;

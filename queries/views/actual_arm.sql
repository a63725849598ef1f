-- Unblinded: the arm that each participant is in by what was done, not by what was planned.
create view actual_arm as
select allocation.subject, label.arm, label.position
from sealed_data.allocation as allocation
inner join label on label.code = allocation.actual;

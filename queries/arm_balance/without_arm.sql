-- One row: randomized participants in no arm of this view, as theirs is not recorded, or the trial
-- definition does not name it; and how many there are. Pooled, everybody is in one.
-- open: who is in which arm of the view is allocation, and pooled all are in one
select count(*) filter (arm is null) as without, count(*) as randomized
from participant
where randomized

-- One row an arm of this view: participants randomized to it.
-- open: how many are randomized is allocation
select arm.arm, arm.position, count(participant.subject) as randomized
from arm
left join participant on participant.arm = arm.arm and participant.randomized
group by all
order by arm.position

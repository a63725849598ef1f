-- One row a criterion that a screen failure did not meet; a participant can have several.
-- counts: participants
select criterion_exception.criterion, count(distinct criterion_exception.subject) as participants
from criterion_exception
inner join participant using (subject)
where participant.screen_failure and not participant.randomized
group by all
order by criterion

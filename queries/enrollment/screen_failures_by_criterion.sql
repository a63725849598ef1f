-- One row a criterion that a screen failure did not meet; a participant can have several.
-- open: who failed screening has no arm and no outcome; the screening logs have it
select criterion_exception.criterion, count(distinct criterion_exception.subject) as participants
from criterion_exception
inner join standing using (subject)
where standing.screening = 'failed'
group by all
order by criterion

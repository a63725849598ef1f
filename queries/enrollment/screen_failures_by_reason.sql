-- One row a reason, in words, of screen failures for whom no criterion is recorded; null where none is.
-- open: who failed screening has no arm and no outcome; the screening logs have it
select standing.screening_reason as reason, count(*) as participants
from standing
where standing.screening = 'failed'
  and standing.subject not in (
    select subject from criterion_exception where subject is not null and criterion is not null
  )
group by all
order by reason nulls last

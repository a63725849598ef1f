-- One row: screen failures for whom no criterion is recorded.
-- counts: participants
select count(*) as participants
from participant
where screen_failure and not randomized
  and subject not in (
    select subject from criterion_exception where subject is not null and criterion is not null
  )

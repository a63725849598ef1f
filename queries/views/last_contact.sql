-- Every view: one row a participant, the last day, by the cut-off, on which they were seen or heard of
-- alive. A table in the connection's own memory: every result has to be looked at for it.
create table last_contact as
select subject, max(date) as last_contact
from (
  select subject, start_date as date from visit where visit_number is not null
  union all
  select subject, date from laboratory where visit_number is not null
  union all
  select subject, date from vital_sign where visit_number is not null
  union all
  select subject, date from vital_status_contact where status = 'ALIVE'
)
where date <= $cutoff
group by subject

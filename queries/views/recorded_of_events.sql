-- Every view: what of adverse events is recorded at all. Counts of what is not are null.
create table recorded_of_events as
select
  coalesce(bool_or(is_recorded) filter (where field in ('AEOUT', 'AESDTH', 'AETOXGR')), false)
    as has_fatal,
  coalesce(bool_or(is_recorded) filter (where field in (
    'AESER', 'AESDTH', 'AESLIFE', 'AESHOSP', 'AESDISAB', 'AESCONG', 'AESMIE'
  )), false) as has_serious,
  coalesce(bool_or(is_recorded) filter (where field in ('AETOXGR', 'AESEV')), false) as has_grade
from recorded
where dataset = 'AE';
create macro if_serious(value) as case when (select has_serious from recorded_of_events) then value end;
create macro if_graded(value) as case when (select has_grade from recorded_of_events) then value end;
create macro if_fatal(value) as case when (select has_fatal from recorded_of_events) then value end;

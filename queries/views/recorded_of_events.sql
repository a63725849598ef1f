-- Every view: what of adverse events is recorded at all. What is filled nowhere was not collected;
-- where there is no event, it counts whether the extract has the column.
create table recorded_of_events as
with field as (
  select
    word,
    filled > 0 or (is_received and not exists (select 1 from adverse_event)) as is_there
  from recorded
  where relation = 'adverse_event'
)
select
  coalesce(
    bool_or(is_there) filter (where word in ('outcome', 'serious_death', 'grade')), false
  ) as has_fatal,
  coalesce(bool_or(is_there) filter (where word like 'serious%'), false) as has_serious,
  coalesce(bool_or(is_there) filter (where word in ('grade', 'severity')), false) as has_grade,
  coalesce(bool_or(is_there) filter (where word = 'start_date'), false) as has_onset,
  coalesce(bool_or(is_there) filter (where word = 'body_system'), false) as has_body_system
from field;

-- A count of serious, severe or fatal events; null where nothing of the kind is recorded.
create macro if_serious(value) as case when (select has_serious from recorded_of_events) then value end;
create macro if_graded(value) as case when (select has_grade from recorded_of_events) then value end;
create macro if_fatal(value) as case when (select has_fatal from recorded_of_events) then value end;

-- With sealed records: why participants left, as recorded.
create view why_left as select subject, reason from standing;
create view left_in_all as
select null::varchar as reason, null::bigint as participants where false;

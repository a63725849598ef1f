-- With sealed records: why participants left, as recorded.
create view why_left as select subject, reason from standing;
create view left_in_all as
select null::varchar as reason, null::bigint as participants where false;
-- Deaths of dispositions after the cut-off.
create view later_death as
select subject, start_date, start_date_text from disposition_later where became = 'DEATH';

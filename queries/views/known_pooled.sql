-- Pooled: why participants left is counted in the whole trial, and known of nobody.
create view why_left as select null::varchar as subject, null::varchar as reason where false;
create view left_in_all as select reason, participants from leaving_reason;
-- Deaths of dispositions after the cut-off.
create view later_death as
select subject, start_date, start_date_text from disposition_later where became = 'DEATH';

-- With sealed records: what was found wrong with all of them, where a sealed one stood, and how all
-- were read. What became of sealed findings since the snapshot before is not known: a load cannot
-- read what it sealed.
create view finding as
select *, false as sealed, null::varchar as file, null::bigint as "row" from open_data.finding
union all by name
select *, true as sealed, 'standing' as status from sealed_data.sealed_finding
union all by name
select null::varchar as known_as, 'site' as audience, 1::bigint as records where false;
create view control_total as select * from sealed_data.control_total;
create view sealed_unexpectedly as select * from sealed_data.sealed_unexpectedly;
create view reading_remark as select * from sealed_data.reading_remark;

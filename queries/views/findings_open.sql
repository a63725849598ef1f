-- Without sealed records: what was found wrong with open ones, and nothing of how all were read.
create view finding as
select *, false as sealed, null::varchar as file, null::bigint as "row" from open_data.finding
union all by name
select null::varchar as known_as, 'site' as audience, 1::bigint as records where false;
create view control_total as
select null::varchar as dataset, null::varchar as file, 0::bigint as rows_read,
  0::bigint as rows_open
where false;
create view sealed_unexpectedly as
select null::varchar as dataset, null::varchar as field where false;
create view reading_remark as select 0::bigint as position, null::varchar as remark where false;

-- Without sealed records: what was found wrong with open ones.
create view finding as
select *, false as sealed, null::varchar as file, null::bigint as "row" from open_data.finding;

-- With sealed records: what was found wrong with all of them, and where a sealed one stood. What
-- became of sealed ones since the snapshot before is not known: a load cannot read what it sealed.
create view finding as
select *, false as sealed, null::varchar as file, null::bigint as "row" from open_data.finding
union all by name
select *, true as sealed, 'standing' as status from sealed_data.sealed_finding;

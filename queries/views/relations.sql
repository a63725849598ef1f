-- One row a relation that this view has.
select view_name as relation from duckdb_views() where not internal order by view_name

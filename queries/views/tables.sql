-- One row a table of the open store: how many rows it has, as its file says.
select table_name, estimated_size from duckdb_tables() where database_name = 'open_data'

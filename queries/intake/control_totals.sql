-- One row a file of the extract: rows read, of them open; the rest is sealed.
select dataset, file, rows_read, rows_open, rows_read - rows_open as rows_sealed
from control_total
order by dataset, file

-- One row a remark on how a file was read, or why it was left aside.
select remark from reading_remark order by position

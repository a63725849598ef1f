-- The data cut-off, for what every view leaves out: what begins later.
create table cut_off as select $cutoff::date as date

-- Every view: what was found wrong with open records, and which datasets the extract had.
create view finding as select * from open_data.finding;
create view dataset as select * from open_data.dataset;
create view respiratory_support as select * from procedure where support is not null;

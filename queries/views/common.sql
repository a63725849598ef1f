-- Every view: which datasets the extract had, and what follows from other relations.
create view dataset as select * from open_data.dataset;
create view respiratory_support as select * from procedure where support is not null;

-- Every view: what was found wrong with open records, and what is derived from the relations.
create view finding as select * from open_data.finding;
create view respiratory_support as select * from procedure where support is not null;

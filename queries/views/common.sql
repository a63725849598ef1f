-- Every view: what follows from other relations.
create view respiratory_support as select * from procedure where support is not null;

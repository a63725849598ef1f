-- One row a fact that pages stand on: where it comes from, and of how many it is known.
select fact, source, known, "of" from known_fact order by position

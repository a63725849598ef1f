-- One row a field or dataset of the extract that no fact names, so that it was sealed.
select dataset, field from sealed_unexpectedly order by dataset, field

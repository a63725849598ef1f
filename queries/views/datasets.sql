-- One row a dataset that can be open: whether the extract had it.
-- counts: nothing
select dataset, relation, present from dataset order by dataset

-- One row a dataset that can be open: whether the extract had it.
select dataset, relation, present from dataset order by dataset

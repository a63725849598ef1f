-- One row a dataset of which this view has a part: whether the extract had it.
-- counts: nothing
select dataset, relation, present from dataset order by dataset

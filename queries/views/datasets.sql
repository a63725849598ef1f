-- One row a dataset of which this view has a part: whether the extract had it.
-- open: it counts nobody
select dataset, relation, present from dataset order by dataset

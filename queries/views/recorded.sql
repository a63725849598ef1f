-- One row a field of a dataset that is recorded in this view, as `AE.AESER`.
-- counts: nothing
select dataset || '.' || field as field from recorded where is_recorded order by field

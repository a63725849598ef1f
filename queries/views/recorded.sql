-- One row a field of a dataset that is recorded in this view, as `AE.AESER`.
-- open: it counts nobody
select dataset || '.' || field as field from recorded where is_recorded order by field

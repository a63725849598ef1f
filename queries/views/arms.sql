-- One row an arm of this view, in its order.
-- counts: nothing
select arm, position from arm order by position

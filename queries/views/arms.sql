-- One row an arm of this view, in its order.
-- open: it counts nobody
select arm, position from arm order by position

-- One row an arm of this view, in its order.
select arm, position from arm order by position

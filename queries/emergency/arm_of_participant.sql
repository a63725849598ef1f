-- One row, or none: the arm that one participant was randomized to.
select subject, arm from participant where randomized and subject = $subject

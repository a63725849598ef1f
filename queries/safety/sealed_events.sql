-- One row: how many events at least this view leaves out under sealed terms, and how many terms those
-- are; none where it leaves out none.
select at_least::bigint as at_least, terms::bigint as terms from sealed_event where terms > 0

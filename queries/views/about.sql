-- One row: which snapshot the sealed file belongs to.
select snapshot, open_digest from sealed_data.about

-- One row a recorded dose of a participant: its place, study day, whether it was given, and why not.
select
  row_number() over (order by administration.start_date nulls last, administration.record_key) as dose,
  administration.start_date,
  case when administration.start_date >= participation.day_one
    then administration.start_date - participation.day_one + 1
    else administration.start_date - participation.day_one end as study_day,
  administration.is_given,
  administration.reason,
  administration.lot,
  date_diff('day', administration.start_date, $cutoff::date) as days_since
from administration
inner join participation using (subject)
where administration.subject = $subject
order by dose

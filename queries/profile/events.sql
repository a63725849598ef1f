-- One row an adverse event of a participant since randomization.
select
  preferred_term,
  body_system,
  grade,
  case when is_fatal then 'fatal' when is_serious then 'yes' else '' end as seriousness,
  start_date_text as start_date,
  end_date_text as end_date,
  study_day,
  outcome
from emergent_event
where subject = $subject
order by study_day nulls last, preferred_term, record_key

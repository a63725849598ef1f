-- One row an adverse event since randomization: whose, what is recorded of it, and whether it is
-- dated beyond the data cut-off.
with event as (
  select record_key, subject, preferred_term, start_date_text, end_date_text, grade, is_serious,
    is_fatal, outcome, false as is_beyond
  from emergent_event
  union all
  select record_key, subject, coalesce(preferred_term, '(no preferred term)'), start_date_text,
    end_date_text, grade,
    case
      when told_fatal(outcome, serious_death, grade) then true
      else ticked_serious(
        serious, serious_death, serious_life_threatening, serious_hospitalization,
        serious_disability, serious_congenital, serious_medically_important
      )
    end,
    told_fatal(outcome, serious_death, grade), outcome, true
  from adverse_event_later
)
select
  event.record_key,
  event.subject,
  participation.site,
  participation.arm,
  event.preferred_term,
  event.start_date_text as start_date,
  event.end_date_text as end_date,
  event.grade,
  event.is_serious,
  event.is_fatal,
  event.outcome,
  event.is_beyond
from event
inner join participation using (subject)
order by event.record_key

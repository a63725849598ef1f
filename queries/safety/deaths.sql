-- One row a death: of whom, whether they were randomized, when, on which study day, the cause where
-- this view has it, and the fatal events that are recorded for it, null for none. Of participants
-- whom the filters leave; of those who were not randomized only where no participants are chosen.
with person as (
  select subject, site, arm, day_one, death_date, true as is_randomized
  from chosen_participant($filters, $cutoff)
  where ended = 'died'
  union all
  select subject, coalesce(participant.site, '(no site)'), null, null, standing.death_date, false
  from participant
  inner join standing using (subject)
  where standing.ended = 'died' and not participant.randomized
    and struct_extract($filters, 'sites') is null and struct_extract($filters, 'sexes') is null
    and struct_extract($filters, 'ages') is null and struct_extract($filters, 'severities') is null
)
select
  person.subject,
  person.site,
  person.arm,
  person.is_randomized,
  person.death_date,
  case
    when person.death_date >= person.day_one then person.death_date - person.day_one + 1
    else person.death_date - person.day_one
  end as study_day,
  cause_of_death.cause,
  string_agg(event.preferred_term, '; ' order by event.preferred_term, event.record_key)
    as fatal_events
from person
left join cause_of_death on cause_of_death.subject = person.subject
left join emergent_event as event on event.subject = person.subject and event.is_fatal
group by all
order by person.is_randomized desc, person.death_date nulls last, person.subject

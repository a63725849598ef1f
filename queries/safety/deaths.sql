-- One row a death of a randomized participant whom the filters leave: when, on which study day, and the
-- fatal events that are recorded for it.
select
  chosen.subject,
  chosen.site,
  chosen.arm,
  chosen.death_date,
  case
    when chosen.death_date >= chosen.day_one then chosen.death_date - chosen.day_one + 1
    else chosen.death_date - chosen.day_one
  end as study_day,
  coalesce(
    string_agg(event.preferred_term, '; ' order by event.preferred_term, event.record_key),
    '(no fatal event recorded)'
  ) as fatal_events
from chosen_participant($filters, $cutoff) as chosen
left join emergent_event as event on event.subject = chosen.subject and event.is_fatal
where chosen.ended = 'died'
group by all
order by chosen.death_date nulls last, chosen.subject

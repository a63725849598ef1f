-- One row a participant whom the filters leave, with an event of a group of special interest since
-- randomization, of an arm, serious or fatal (null and false leave all), and why they are in the list.
select
  event.subject,
  event.site,
  event.arm,
  string_agg(
    event_in_words(
      event.preferred_term, event.grade, event.is_fatal, event.is_serious, event.study_day,
      event.start_date_text
    ),
    '; '
    order by event.study_day nulls last, event.preferred_term, event.record_key
  ) as why
from event_of_interest($terms, $filters, $cutoff) as event
where on_chosen_day(event.study_day, $filters)
  and ($group is null or event."group" = $group)
  and ($arm is null or event.arm = $arm)
  and (not $serious or event.is_serious)
  and (not $fatal or event.is_fatal)
group by event.subject, event.site, event.arm
order by event.subject

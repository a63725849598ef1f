-- One row a participant whom the filters leave with an event since randomization of an arm, body
-- system, term, range of study days, least grade, serious or fatal (null and false leave all), and why they are
-- in the list: those events.
select
  event.subject,
  chosen.site,
  event.arm,
  string_agg(
    concat_ws(
      ', ',
      event.preferred_term,
      'grade ' || event.grade,
      case when event.is_fatal then 'fatal' when event.is_serious then 'serious' end,
      case
        when event.study_day is not null then 'day ' || event.study_day
        when event.start_date_text is not null then 'began ' || event.start_date_text
        else 'onset not known'
      end
    ),
    '; '
    order by event.study_day nulls last, event.preferred_term, event.record_key
  ) as why
from emergent_event as event
inner join chosen_participant($filters, $cutoff) as chosen using (subject)
where on_chosen_day(event.study_day, $filters)
  and ($arm is null or event.arm = $arm)
  and ($body_system is null or event.body_system = $body_system)
  and ($preferred_term is null or event.preferred_term = $preferred_term)
  and ($least_grade is null or event.grade >= $least_grade)
  and ($from_day is null or event.study_day >= $from_day)
  and ($to_day is null or event.study_day <= $to_day)
  and (not $serious or event.is_serious)
  and (not $fatal or event.is_fatal)
group by event.subject, chosen.site, event.arm
order by event.subject

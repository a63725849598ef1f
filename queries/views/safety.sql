-- Every view: whom and what the questions about safety are asked of.

-- Whether a value is in any of some bands; bands that are not there leave all.
create macro in_bands(value, bands) as
  bands is null
  or coalesce(
    list_bool_or([
      value is not null
      and coalesce(value >= band.at_least, true) and coalesce(value > band.above, true)
      and coalesce(value < band.below, true) and coalesce(value <= band.at_most, true)
      for band in bands::struct(at_least double, above double, below double, at_most double)[]
    ]),
    false
  );

-- One row a randomized participant whom the filters leave, with the last day of observation; none of
-- who was not followed at all.
create macro chosen_participant(filters, cutoff) as table
select
  participation.subject,
  participation.arm,
  participation.position,
  participation.site,
  participation.day_one,
  participation.ended,
  participation.reason,
  participation.death_date,
  -- The day of death; of one that has no date the earliest that it can have been.
  case when participation.ended = 'died' then coalesce(
    participation.death_date,
    least(
      cutoff::date,
      greatest(
        participation.day_one,
        participation.alive_until,
        try_strptime(standing.death_date_text || '-01', '%Y-%m-%d')::date,
        try_strptime(standing.death_date_text || '-01-01', '%Y-%m-%d')::date
      )
    )
  ) end as died_on,
  person.stratum,
  person.sex,
  person.age,
  participation.observed_by = 'not followed' as is_not_followed,
  case
    when participation.observed_by is distinct from 'not followed' then
      coalesce(participation.observed_until, cutoff::date)
  end as last_day
from participation
inner join participant as person using (subject)
left join standing on standing.subject = participation.subject
where (
    struct_extract(filters, 'sites') is null
    or list_contains(struct_extract(filters, 'sites')::varchar[], participation.site)
  )
  and (
    struct_extract(filters, 'sexes') is null
    or list_contains(struct_extract(filters, 'sexes')::varchar[], coalesce(person.sex, '(not recorded)'))
  )
  and in_bands(person.age, struct_extract(filters, 'ages'))
  and (
    struct_extract(filters, 'severities') is null
    or participation.subject in (
      select baseline_severity.subject
      from baseline_severity
      where in_bands(baseline_severity.value, struct_extract(filters, 'severities'))
    )
  );

-- Whether a study day is one of those that the filters leave; an unknown day is where all are.
create macro on_chosen_day(day, filters) as
  (struct_extract(filters, 'first_day') is null or day >= struct_extract(filters, 'first_day')::bigint)
  and (struct_extract(filters, 'last_day') is null or day <= struct_extract(filters, 'last_day')::bigint);

-- On how many of the study days that the filters leave somebody was observed.
-- `least` would take the last chosen day for that of somebody who was not observed at all.
create macro chosen_days_observed(day_one, last_day, filters) as case
  when last_day - day_one is null then 0
  else greatest(
    least(
      last_day - day_one + 1, coalesce(struct_extract(filters, 'last_day')::bigint, last_day - day_one + 1)
    ) - coalesce(struct_extract(filters, 'first_day')::bigint, 1) + 1,
    0
  )
end;

-- What there is to say of an event in a list, in a line.
create macro event_in_words(preferred_term, grade, is_fatal, is_serious, study_day, start_date_text) as
  concat_ws(
    ', ',
    preferred_term,
    'grade ' || grade,
    case when is_fatal then 'fatal' when is_serious then 'serious' end,
    case
      when study_day is not null then 'day ' || study_day
      when start_date_text is not null then 'began ' || start_date_text
      else 'onset not known'
    end
  );

-- The last day that a date can be: of a date in part the last of its month or year.
create macro latest_date(complete, written) as coalesce(
  complete,
  last_day(try_strptime(written || '-01', '%Y-%m-%d')::date),
  try_strptime(written || '-12-31', '%Y-%m-%d')::date
);

-- The earliest day, from the day `since` on, that a date can be: of a date in part the first of its
-- month or year. Null where neither is known.
create macro earliest_date(complete, written, since) as coalesce(
  complete,
  greatest(
    coalesce(
      try_strptime(written || '-01', '%Y-%m-%d')::date,
      try_strptime(written || '-01-01', '%Y-%m-%d')::date
    ),
    since
  )
);

-- The study day of an onset, on the earliest that it can be.
create macro onset_day(complete, written, day_one) as
  earliest_date(complete, written, day_one) - day_one + 1;

-- Of several onsets the first that is known to the day; where none is, the earliest that one can be.
create macro first_onset(day, is_earliest) as
  coalesce(min(day) filter (where not is_earliest), min(day));

-- One row a participant whom the filters leave: on how many of the chosen days they were observed, up
-- to which study day, the study day of death where it ended that (of one that has no date the earliest
-- that it can have been), and why not where it is not known.
create macro followed(filters, cutoff) as table
select
  subject,
  arm,
  position,
  day_one,
  chosen_days_observed(day_one, last_day, filters) as days,
  greatest(
    least(
      coalesce(last_day - day_one + 1, 1), coalesce(struct_extract(filters, 'last_day')::bigint, 1000000)
    ),
    1
  ) as last_day,
  case when ended = 'died' then greatest(died_on - day_one + 1, 1) end as death_day,
  case
    when day_one is null then 'no date of randomization'
    when last_day is null then 'no record since randomization'
  end as why_not
from chosen_participant(filters, cutoff);

-- What came first: the event (1), death without it (2), or the end of observation (0); null where that
-- is not known. An event counts before a death on the same day.
create macro first_outcome(event_day, death_day, last_day, why_not) as case
  when why_not is not null and event_day is null then null
  when event_day <= coalesce(death_day, event_day) then 1
  when death_day <= last_day then 2
  else 0
end;

-- The study day of what came first.
create macro day_of_outcome(outcome, event_day, death_day, last_day) as
  case outcome when 1 then event_day when 2 then death_day when 0 then last_day end;

-- What the rate of all events and its error by participant need of participants with so many events
-- and days observed each.
create macro sums_of(events, days) as struct_pack(
  participants := count(*) filter (where days > 0 or events > 0),
  events := sum(events)::bigint,
  days := sum(days)::bigint,
  events_squared := sum(events * events)::bigint,
  products := sum(events * days)::bigint,
  days_squared := sum(days * days)::bigint
);

-- Whether an event is ticked as serious, else whether any criterion is; null where nothing says so.
create macro ticked_serious(
  serious, death, life_threatening, hospitalization, disability, congenital, medically_important
) as case
  when serious is not null then serious = 'Y'
  when 'Y' in (
    death, life_threatening, hospitalization, disability, congenital, medically_important
  ) then true
  when coalesce(
    death, life_threatening, hospitalization, disability, congenital, medically_important
  ) is not null then false
end;

-- Whether an event is fatal; null where nothing says so.
create macro told_fatal(outcome, death, grade) as case
  when outcome = 'FATAL' or death = 'Y' or grade = 5 then true
  when coalesce(outcome, death, grade::varchar) is not null then false
end;

-- One row an adverse event of a randomized participant that began at randomization or later. A date
-- in part that can be either counts, and so does none at all; `onset` says which. A fatal event is
-- serious whatever was ticked. Whether an event is serious or fatal, and its grade, is null where
-- nothing says so. `is_later`: it began after the participant was last observed, on the earliest day
-- that it can have, so that no time at risk belongs to it. A table in the connection's own memory, as every question about events begins
-- with it.
create table emergent_event as
select
  event.*,
  case
    when event.start_date is null then 'not known to the day'
    when event.start_date = event.day_one then 'on day 1'
    else 'after day 1'
  end as onset,
  case when event.is_fatal then true else event.is_ticked end as is_serious,
  event.is_fatal and not coalesce(event.is_ticked, false) as is_fatal_not_serious,
  coalesce(
    earliest_date(event.start_date, event.start_date_text, event.day_one) > event.observed_until, false
  ) as is_later
from (
  select
    adverse_event.subject,
    participation.arm,
    participation.position,
    participation.day_one,
    adverse_event.record_key,
    coalesce(adverse_event.preferred_term, '(no preferred term)') as preferred_term,
    coalesce(adverse_event.body_system, '(no body system)') as body_system,
    adverse_event.start_date,
    adverse_event.start_date_text,
    adverse_event.end_date,
    adverse_event.end_date_text,
    adverse_event.study_day,
    adverse_event.outcome,
    participation.observed_until,
    ticked_serious(
      adverse_event.serious, adverse_event.serious_death, adverse_event.serious_life_threatening,
      adverse_event.serious_hospitalization, adverse_event.serious_disability,
      adverse_event.serious_congenital, adverse_event.serious_medically_important
    ) as is_ticked,
    told_fatal(adverse_event.outcome, adverse_event.serious_death, adverse_event.grade) as is_fatal,
    case
      when adverse_event.outcome = 'FATAL' or adverse_event.serious_death = 'Y' then 5
      else coalesce(
        adverse_event.grade, list_position(['MILD', 'MODERATE', 'SEVERE'], adverse_event.severity)
      )
    end as grade
  from adverse_event
  inner join participation using (subject)
) as event
where event.day_one is null
  or (
    coalesce(latest_date(event.start_date, event.start_date_text) >= event.day_one, true)
    and (event.start_date is not null or coalesce(event.end_date >= event.day_one, true))
  );

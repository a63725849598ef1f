-- One row a death, serious event or event of special interest that began after the data cut-off, of a
-- randomized participant: no page counts it.
with event as (
  select
    later.subject,
    coalesce(later.preferred_term, '(no preferred term)') as what,
    coalesce(later.start_date_text, strftime(later.start_date, '%Y-%m-%d')) as date,
    coalesce(ticked_serious(
      later.serious, later.serious_death, later.serious_life_threatening,
      later.serious_hospitalization, later.serious_disability, later.serious_congenital,
      later.serious_medically_important
    ), false)
      or coalesce(told_fatal(later.outcome, later.serious_death, later.grade), false) as is_serious,
    folded(later.preferred_term) in (select term from term_of_interest($terms)) as is_of_interest
  from adverse_event_later as later
),
death as (
  select subject, 'Death' as what, coalesce(death_date_text, strftime(death_date, '%Y-%m-%d')) as date
  from participant
  where died and coalesce(
    death_date,
    try_strptime(death_date_text || '-01', '%Y-%m-%d')::date,
    try_strptime(death_date_text || '-01-01', '%Y-%m-%d')::date
  ) > $cutoff::date
  union
  select subject, 'Death', coalesce(start_date_text, strftime(start_date, '%Y-%m-%d'))
  from later_death
  where subject not in (
    select subject from participant where died and subject is not null
  )
)
select
  participation.subject,
  participation.site,
  participation.arm,
  event.what,
  event.date,
  case
    when event.what = 'Death' then 'death'
    when event.is_serious then 'serious'
    else 'special interest'
  end as why
from (
  -- Who died by the cut-off is counted, though another source dates the death later.
  select subject, what, date, true as is_serious, false as is_of_interest
  from death
  where subject not in (select subject from participation where ended = 'died')
  union all
  select * from event where is_serious or coalesce(is_of_interest, false)
) as event
inner join participation using (subject)
order by event.what <> 'Death', event.date, participation.subject, event.what

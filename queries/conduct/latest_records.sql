-- One row a dataset and a site: participants with a dated record, and the latest date by the cut-off.
-- counts: participants
-- adds up: rows within dataset
-- single: latest, days_before_cutoff
-- fixed: cutoff
with dated as (
  select 'DS' as dataset, subject, start_date as date from disposition
  union all
  select 'SV', subject, start_date from visit
  union all
  select 'AE', subject, start_date from adverse_event
  union all
  select 'LB', subject, date from laboratory
  union all
  select 'VS', subject, date from vital_sign
  union all
  select 'PR', subject, start_date from procedure
)
select
  dated.dataset,
  coalesce(participant.site, '(no site)') as site,
  count(distinct dated.subject) as participants,
  max(dated.date) as latest,
  date_diff('day', max(dated.date), $cutoff) as days_before_cutoff
from dated
inner join participant using (subject)
where dated.date <= $cutoff
group by all
order by dated.dataset, site

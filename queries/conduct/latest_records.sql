-- One row a dataset and a site: participants with a dated record, and the latest date by the cut-off.
with dated as (
  select 'AE' as dataset, subject, start_date as date from adverse_event
  union all
  select 'CM', subject, start_date from medication
  union all
  select 'CP', subject, date from cell_phenotype
  union all
  select 'DS', subject, start_date from disposition
  union all
  select 'DV', subject, start_date from deviation
  union all
  select 'EG', subject, date from ecg
  union all
  select 'HO', subject, start_date from hospital_stay
  union all
  select 'LB', subject, date from laboratory
  union all
  select 'PR', subject, start_date from procedure
  union all
  select 'QS', subject, date from questionnaire
  union all
  select 'RE', subject, date from respiratory_measurement
  union all
  select 'RS', subject, date from clinical_scale
  union all
  select 'SS', subject, date from vital_status_contact
  union all
  select 'SV', subject, start_date from visit
  union all
  select 'VS', subject, date from vital_sign
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

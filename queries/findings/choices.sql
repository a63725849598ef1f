-- One row a value that findings can be filtered by: of which filter, in the order to offer it.
with asked as (select * from finding where coalesce(audience, 'site') = $audience),
choice as (
  select 'severities' as name, severity as value,
    list_position(['critical', 'major', 'minor', 'note'], severity) as place from asked
  union
  select 'statuses', status,
    list_position(['new', 'persisting', 'moved', 'standing', 'resolved'], status) from asked
  union
  select 'domains', domain, 0 from asked
  union
  select 'sites', coalesce(participant.site, '(no site)'), (participant.site is null)::integer
  from asked left join participant using (subject)
  union
  select 'checks', "check", 0 from asked
)
select name, value from choice order by name, place, value

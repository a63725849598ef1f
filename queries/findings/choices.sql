-- One row a value that findings can be filtered by: of which filter, in the order to offer it.
with choice as (
  select 'severities' as name, severity as value,
    list_position(['critical', 'major', 'minor', 'note'], severity) as place from finding
  union
  select 'statuses', status,
    list_position(['new', 'persisting', 'moved', 'standing', 'resolved'], status) from finding
  union
  select 'domains', domain, 0 from finding
  union
  select 'sites', coalesce(participant.site, '(no site)'), (participant.site is null)::integer
  from finding left join participant using (subject)
  union
  select 'checks', "check", 0 from finding
)
select name, value from choice order by name, place, value

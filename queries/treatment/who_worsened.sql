-- One row a participant whom the filters leave, of an arm and with worsening by a criterion after a
-- dose (null leaves all), and why they are in the list: after which dose, and what it was.
select
  near.subject,
  near.site,
  near.arm,
  string_agg(
    'after dose ' || near.dose || ': ' || near.detail, '; ' order by near.dose, near.criterion
  ) as why
from worsening_near_dose($rules) as near
inner join chosen_participant($filters, $cutoff) as chosen using (subject)
where near.is_evaluable and near.is_met
  and ($arm is null or near.arm = $arm)
  and ($criterion is null or near.criterion = $criterion)
group by near.subject, near.site, near.arm
order by near.subject

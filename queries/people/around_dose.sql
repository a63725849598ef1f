-- One row a participant who was given a dose of a number, of an arm, and when it was; of those whom
-- the filters leave, unblinded.
select
  given.subject,
  chosen.site,
  chosen.arm,
  'dose ' || given.dose || ' on ' || given.date as why
from dose_with_time as given
inner join chosen_participant($filters, $cutoff) as chosen using (subject)
where given.dose = $dose and ($arm is null or chosen.arm = $arm)
order by given.subject

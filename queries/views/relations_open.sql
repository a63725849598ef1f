-- Pooled and coded: relations are what the allow-list opened. Plain ones are made from the store's
-- catalog of datasets; who is in which arm stands beside the participant.
create view participant as
select
  person.* replace (
    person.randomized and coalesce(person.randomization_date <= cut_off.date, true) as randomized
  ),
  arm_of.arm,
  arm_of.position
from open_data.participant as person
cross join cut_off
left join arm_of using (subject)
where coalesce(person.screening_date <= cut_off.date, true);
-- Of stores of formats before 5: how participation ended is decided by the load.
create view study_disposition as select * from disposition;
-- What somebody died of is free text, which can tell the treatment.
create view cause_of_death as select null::varchar as subject, null::varchar as cause where false;
create view sealed_event as select * from open_data.sealed_event;
create view dose_given as
select null::varchar as subject, null::date as start_date where false;
-- What was given is sealed: here nobody has a first dose.
create view first_dose as select subject, null::date as date from open_data.participant where false;

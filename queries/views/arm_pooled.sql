-- Pooled: every randomized participant is in one arm, and nothing else about arms exists.
create view arm as select 'All participants' as arm, 1 as position;
create view arm_of as
select subject, 'All participants' as arm, 1 as position from open_data.participant where randomized;

-- One row: whether seriousness, grades, fatal outcomes, onsets and body systems of events are recorded.
-- counts: nothing
select has_serious, has_grade, has_fatal, has_onset, has_body_system from recorded_of_events

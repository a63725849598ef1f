-- Every view: results against the limits of normal, and the grades that they have.

-- One row a usable laboratory result of a participant whom the filters leave. Limits of normal come in
-- the unit that the result came in, so that a result is held against them by their ratio.
create macro chosen_result(filters, cutoff) as table
select
  chosen.subject,
  chosen.arm,
  chosen.position,
  chosen.site,
  laboratory.record_key,
  laboratory.measure,
  laboratory.value,
  laboratory.is_baseline,
  laboratory.visit_number,
  laboratory.planned_day,
  coalesce(laboratory.study_day, laboratory.planned_day) as "day",
  case when laboratory.normal_high > 0 then laboratory.result / laboratory.normal_high end
    as times_high,
  case when laboratory.normal_low > 0 then laboratory.result / laboratory.normal_low end
    as times_low,
  case when laboratory.result <> 0
    then laboratory.normal_high * laboratory.value / laboratory.result end as high,
  case when laboratory.result <> 0
    then laboratory.normal_low * laboratory.value / laboratory.result end as low
from laboratory
inner join chosen_participant(filters, cutoff) as chosen using (subject)
where laboratory.value is not null;

-- One row a result and a grading of its measure; the grade is null where the limit that would tell it
-- is not there. `steps` has a row for each grade of each grading.
create macro graded_result(steps, filters, cutoff) as table
with step as (select unnest(steps, recursive := true)),
result as (select * from chosen_result(filters, cutoff)),
held as (
  select
    result.*,
    step.term,
    step.grade,
    case
      when not step.beside and baseline.times_high > 1
        and (step.above_baseline is not null or step.at_least_baseline is not null)
      then coalesce(result.value > step.above_baseline * baseline.value, false)
        or coalesce(result.value >= step.at_least_baseline * baseline.value, false)
      else
        (step.above_normal is not null and result.times_high > step.above_normal)
        or (step.below_normal is not null and result.times_low < step.below_normal)
        or coalesce(result.value < step.below, false)
        or (step.beside and coalesce(result.value > step.above_baseline * baseline.value, false))
        or (step.beside and coalesce(result.value >= step.at_least_baseline * baseline.value, false))
    end as is_met,
    not step.beside and coalesce(baseline.times_high > 1, false)
      and (step.above_baseline is not null or step.at_least_baseline is not null)
      as is_against_baseline
  from result
  inner join step on step.measure = result.measure
  -- What was there before is held against the limits of normal only.
  left join result as baseline
    on baseline.subject = result.subject and baseline.measure = result.measure
    and baseline.is_baseline and result.day > 1
)
select
  subject,
  measure,
  term,
  record_key,
  "day",
  is_baseline,
  bool_or(is_against_baseline) as is_against_baseline,
  case
    when coalesce(max(grade) filter (where is_met is null), 0)
      <= coalesce(max(grade) filter (where is_met), 0)
    then coalesce(max(grade) filter (where is_met), 0)
  end as grade
from held
group by subject, measure, term, record_key, "day", is_baseline;

-- One row a participant whom the filters leave and a grading: the grade at baseline, the highest on
-- the chosen days after it with its first day, and whether it rose. Where multiples of the baseline
-- took the place of those of the limit of normal, every grade is a rise.
create macro worst_grade(steps, filters, cutoff) as table
with grading as (select distinct measure, term from (select unnest(steps, recursive := true))),
graded as (select * from graded_result(steps, filters, cutoff) where grade is not null),
before as (select subject, term, measure, grade from graded where is_baseline),
after as (
  select
    subject,
    term,
    measure,
    max(grade) as grade,
    bool_or(is_against_baseline) as is_against_baseline,
    arg_min("day", (-grade, "day")) as first_day
  from graded
  where "day" > 1 and on_chosen_day("day", filters)
  group by subject, term, measure
)
select
  chosen.subject,
  chosen.arm,
  chosen.position,
  chosen.site,
  grading.measure,
  grading.term,
  before.grade as baseline_grade,
  after.grade as worst_grade,
  after.first_day,
  after.grade > case when after.is_against_baseline then 0 else before.grade end
    and before.grade is not null as rose
from chosen_participant(filters, cutoff) as chosen
cross join grading
left join before
  on before.subject = chosen.subject and before.term = grading.term
  and before.measure = grading.measure
left join after
  on after.subject = chosen.subject and after.term = grading.term
  and after.measure = grading.measure;

-- One row a participant whom the filters leave: the highest aminotransferase and bilirubin on the
-- chosen days after day 1, as multiples of the upper limit of normal; of the first rise of an
-- aminotransferase that bilirubin followed within the window, how many days later it did, alkaline
-- phosphatase between the two, R, and what else could explain it.
create macro liver_signs(liver, filters, cutoff) as table
with test as (
  select
    subject,
    "day",
    times_high,
    case
      when list_contains(struct_extract(liver, 'aminotransferases'), measure) then 'aminotransferase'
      when measure = struct_extract(liver, 'bilirubin') then 'bilirubin'
      when measure = struct_extract(liver, 'alkaline_phosphatase') then 'alkaline phosphatase'
    end as kind
  from chosen_result(filters, cutoff)
  where "day" > 1 and on_chosen_day("day", filters) and times_high is not null
),
peak as (
  select
    subject,
    max(times_high) filter (where kind = 'aminotransferase') as aminotransferase,
    max(times_high) filter (where kind = 'bilirubin') as bilirubin,
    max(times_high) filter (where kind = 'alkaline phosphatase') as alkaline_phosphatase
  from test
  group by subject
),
followed as (
  select
    rise.subject,
    rise."day" as rise_day,
    after."day" - rise."day" as days_after,
    (
      select max(alp.times_high) from test as alp
      where alp.subject = rise.subject and alp.kind = 'alkaline phosphatase'
        and alp."day" between rise."day" and after."day"
    ) as alkaline_phosphatase,
    (
      select max(alp.times_high) from test as alp
      where alp.subject = rise.subject and alp.kind = 'alkaline phosphatase'
        and alp."day" = rise."day"
    ) as at_rise,
    rise.times_high
  from test as rise
  inner join test as after
    on after.subject = rise.subject and after.kind = 'bilirubin'
    and after.times_high >= struct_extract(liver, 'bilirubin_at_least')
    and after."day" between rise."day" and rise."day" + struct_extract(liver, 'window_days')::bigint
  where rise.kind = 'aminotransferase'
    and rise.times_high > struct_extract(liver, 'aminotransferase_above')
),
-- Of several pairs the one that cholestasis explains least, then the first.
candidate as (
  select *
  from followed
  qualify row_number() over (
    partition by subject
    order by
      coalesce(alkaline_phosphatase < struct_extract(liver, 'alkaline_phosphatase_below'), false)
        desc,
      rise_day,
      days_after,
      times_high desc
  ) = 1
),
explanation as (
  select
    unnest(
      struct_extract(liver, 'context')::struct(name varchar, measure varchar, below double)[],
      recursive := true
    ),
    generate_subscripts(struct_extract(liver, 'context'), 1) as place
),
measured as (
  select subject, measure, value, study_day from vital_sign
  union all
  select subject, measure, value, study_day from laboratory
  union all
  select subject, 'pao2_fio2' as measure, pao2_fio2 as value, study_day from blood_gas
),
explained as (
  select found.subject, string_agg(found.name, ', ' order by found.place) as context
  from (
    select distinct candidate.subject, explanation.place, explanation.name
    from candidate
    inner join measured using (subject)
    inner join explanation
      on explanation.measure = measured.measure and measured.value < explanation.below
    where measured.study_day
      between candidate.rise_day - struct_extract(liver, 'context_days')::bigint
      and candidate.rise_day
  ) as found
  group by found.subject
)
select
  chosen.subject,
  chosen.arm,
  chosen.position,
  chosen.site,
  peak.aminotransferase,
  peak.bilirubin,
  peak.alkaline_phosphatase,
  case
    when peak.aminotransferase is null or peak.bilirubin is null then null
    when peak.aminotransferase > struct_extract(liver, 'aminotransferase_above')
      and peak.bilirubin >= struct_extract(liver, 'bilirubin_at_least')
    then 'hys_law'
    when peak.aminotransferase > struct_extract(liver, 'aminotransferase_above') then 'temple'
    when peak.bilirubin >= struct_extract(liver, 'bilirubin_at_least') then 'cholestasis'
    else 'neither'
  end as quadrant,
  candidate.rise_day,
  candidate.days_after,
  candidate.alkaline_phosphatase as alkaline_phosphatase_between,
  candidate.alkaline_phosphatase < struct_extract(liver, 'alkaline_phosphatase_below')
    as is_under_limit,
  case when candidate.at_rise > 0 then candidate.times_high / candidate.at_rise end as r_ratio,
  explained.context
from chosen_participant(filters, cutoff) as chosen
left join peak using (subject)
left join candidate using (subject)
left join explained using (subject);

-- Every view: results against the limits of normal, and the grades that they have.

-- Whether a multiple is at least a limit: exactly three times must not be missed for 3.3 / 1.1.
create macro reaches(times, at_least) as times >= at_least * (1 - 1e-9);

-- One row a usable laboratory result of a participant whom the filters leave. Limits of normal come in
-- the unit that the result came in, so that a result is held against them by their ratio; an upper
-- limit of 0 or below is none.
create macro chosen_result(filters, cutoff) as table
select
  chosen.subject,
  chosen.arm,
  chosen.position,
  chosen.site,
  laboratory.record_key,
  laboratory.measure,
  laboratory.value,
  laboratory.result,
  laboratory.unit,
  laboratory.is_baseline,
  laboratory.visit_number,
  laboratory.planned_day,
  coalesce(laboratory.study_day, laboratory.planned_day) as "day",
  case when laboratory.normal_high > 0 then laboratory.result / laboratory.normal_high end
    as times_high,
  case when laboratory.normal_low > 0 then laboratory.result / laboratory.normal_low end
    as times_low,
  case when laboratory.result <> 0 and laboratory.normal_high > 0
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
  value,
  bool_or(is_against_baseline) as is_against_baseline,
  case
    when coalesce(max(grade) filter (where is_met is null), 0)
      <= coalesce(max(grade) filter (where is_met), 0)
    then coalesce(max(grade) filter (where is_met), 0)
  end as grade
from held
group by subject, measure, term, record_key, "day", is_baseline, value;

-- One row a participant whom the filters leave and a grading: the grade at baseline, the highest on
-- the chosen days after it with its first day, and whether it rose. Where multiples of the baseline
-- took the place of those of the limit of normal, every grade is a rise. Where a result that cannot be
-- graded is further out than all that can, the highest grade is not known, unless it is 3 or 4 already;
-- `is_without_limit` says of whom a grade is not known for the want of a limit.
create macro worst_grade(steps, filters, cutoff) as table
with grading as (
  select
    measure,
    term,
    bool_or(coalesce(above_normal, above_baseline, at_least_baseline) is not null) as rises
  from (select unnest(steps, recursive := true))
  group by measure, term
),
graded as (
  select result.*, if(grading.rises, result.value, -result.value) as outward
  from graded_result(steps, filters, cutoff) as result
  inner join grading using (measure, term)
),
before as (select subject, term, measure, grade from graded where is_baseline),
after as (
  select
    subject,
    term,
    measure,
    case
      when max(grade) >= 3
        or coalesce(
          max(outward) filter (where grade is null) <= max(outward) filter (where grade is not null),
          true
        )
      then max(grade)
    end as grade,
    bool_or(is_against_baseline) filter (where grade is not null) as is_against_baseline,
    arg_min("day", (-grade, "day")) filter (where grade is not null) as first_day
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
  case when after.grade is not null then after.first_day end as first_day,
  after.grade > case when after.is_against_baseline then 0 else before.grade end
    and before.grade is not null as rose,
  (before.subject is not null and before.grade is null)
    or (after.subject is not null and after.grade is null) as is_without_limit
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
-- phosphatase between the two, R, and what else could explain it. Who is not in the range of Hy's law
-- and has a result without a limit that is higher than all of its measure with one is not judged, and
-- `without_limit` names the result.
create macro liver_signs(liver, filters, cutoff) as table
with test as (
  select
    subject,
    measure,
    "day",
    value,
    result,
    unit,
    times_high,
    case
      when list_contains(struct_extract(liver, 'aminotransferases'), measure) then 'aminotransferase'
      when measure = struct_extract(liver, 'bilirubin') then 'bilirubin'
      when measure = struct_extract(liver, 'alkaline_phosphatase')::varchar
        then 'alkaline phosphatase'
    end as kind
  from chosen_result(filters, cutoff)
  where "day" > 1 and on_chosen_day("day", filters)
),
peak as (
  select
    subject,
    count(*) filter (where kind = 'aminotransferase') > 0
      and count(*) filter (where kind = 'bilirubin') > 0 as has_both,
    max(times_high) filter (where kind = 'aminotransferase') as aminotransferase,
    max(times_high) filter (where kind = 'bilirubin') as bilirubin,
    max(times_high) filter (where kind = 'alkaline phosphatase') as alkaline_phosphatase
  from test
  group by subject
),
unjudged as (
  select
    subject,
    bool_or(kind = 'aminotransferase') as of_aminotransferase,
    bool_or(kind = 'bilirubin') as of_bilirubin,
    string_agg(upper(measure) || ' ' || printf('%g', result) || coalesce(' ' || unit, ''), ', ' order by measure)
      as without_limit
  from (
    select
      subject,
      measure,
      kind,
      arg_max(result, value) as result,
      arg_max(unit, value) as unit
    from (
      select
        *,
        max(value) filter (where times_high is not null) over (partition by subject, measure)
          as highest
      from test
      where kind in ('aminotransferase', 'bilirubin')
    )
    where times_high is null and coalesce(value > highest, true)
    group by subject, measure, kind
  )
  group by subject
),
followed as (
  select
    rise.subject,
    rise."day" as rise_day,
    after."day" - rise."day" as days_after,
    (
      -- Of one without a limit it is not known whether it was the highest.
      select
        case
          when count(*) filter (where alp.times_high is null) = 0
            or reaches(max(alp.times_high), struct_extract(liver, 'alkaline_phosphatase_below'))
          then max(alp.times_high)
        end
      from test as alp
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
    and reaches(after.times_high, struct_extract(liver, 'bilirubin_at_least'))
    and after."day" between rise."day" and rise."day" + struct_extract(liver, 'window_days')::bigint
  where rise.kind = 'aminotransferase'
    and reaches(rise.times_high, struct_extract(liver, 'aminotransferase_at_least'))
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
  -- Of one that is not judged the highest is not known, unless what is known is raised.
  case
    when unjudged.of_aminotransferase is distinct from true
      or reaches(peak.aminotransferase, struct_extract(liver, 'aminotransferase_at_least'))
    then peak.aminotransferase
  end as aminotransferase,
  case
    when unjudged.of_bilirubin is distinct from true
      or reaches(peak.bilirubin, struct_extract(liver, 'bilirubin_at_least'))
    then peak.bilirubin
  end as bilirubin,
  peak.alkaline_phosphatase,
  case
    when peak.has_both is distinct from true then null
    when reaches(peak.aminotransferase, struct_extract(liver, 'aminotransferase_at_least'))
      and reaches(peak.bilirubin, struct_extract(liver, 'bilirubin_at_least'))
    then 'hys_law'
    when unjudged.subject is not null then 'not_judged'
    when reaches(peak.aminotransferase, struct_extract(liver, 'aminotransferase_at_least'))
    then 'temple'
    when reaches(peak.bilirubin, struct_extract(liver, 'bilirubin_at_least')) then 'cholestasis'
    else 'neither'
  end as quadrant,
  unjudged.without_limit,
  candidate.rise_day,
  candidate.days_after,
  candidate.alkaline_phosphatase as alkaline_phosphatase_between,
  candidate.alkaline_phosphatase < struct_extract(liver, 'alkaline_phosphatase_below')
    as is_under_limit,
  case when candidate.at_rise > 0 then candidate.times_high / candidate.at_rise end as r_ratio,
  explained.context
from chosen_participant(filters, cutoff) as chosen
left join peak using (subject)
left join unjudged using (subject)
left join candidate using (subject)
left join explained using (subject);

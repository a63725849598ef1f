-- Every view: how terms are compared, and which events are of special interest.

-- A term as it is compared with others, as a load compares them: case, punctuation and British
-- spelling aside. Both sides of a comparison are folded, so what it makes of other words does no harm.
create macro folded(text) as trim(
  regexp_replace(
    regexp_replace(
      regexp_replace(
        regexp_replace(
          regexp_replace(lower(text), '\s[-−]([0-9])', ' minus \1', 'g'), '[^\pL\pN]+', ' ', 'g'
        ),
        '[ao]e', 'e', 'g'
      ),
      'our', 'or', 'g'
    ),
    'is(ation|ed|ing)( |$)', 'iz\1\2', 'g'
  )
);

-- One row a term of a group of special interest, as it is compared. A term with a category counts
-- only where an event of another category began within `days` of it.
create macro term_of_interest(terms) as table
select distinct
  item."group",
  item.number,
  folded(item.term) as term,
  item.category,
  item.days
from (
  select unnest(
    terms::struct("group" varchar, number integer, term varchar, category varchar, days integer)[]
  ) as item
);

-- One row an event since randomization and a group of special interest that it belongs to.
create macro event_of_interest(terms, filters, cutoff) as table
with person as (select * from chosen_participant(filters, cutoff)),
-- Terms are folded once each, not once an event.
term as (
  select known.preferred_term, interest.*
  from (select distinct preferred_term from emergent_event) as known
  inner join term_of_interest(terms) as interest on interest.term = folded(known.preferred_term)
),
event as (
  select
    term."group",
    term.number,
    term.category,
    term.days,
    event.*,
    person.site,
    person.sex,
    person.age,
    person.last_day
  from emergent_event as event
  inner join person using (subject)
  inner join term using (preferred_term)
)
select event.* from event where category is null
union all
(
  select distinct on ("group", record_key) event.*
  from event
  where category is not null
    and exists (
      select 1 from event as other
      where other.subject = event.subject and other."group" = event."group"
        and other.category <> event.category
        and abs(other.start_date - event.start_date) <= event.days
    )
    and not exists (
      select 1 from event as other
      where other."group" = event."group" and other.record_key = event.record_key
        and other.category is null
    )
  order by "group", record_key, category
);

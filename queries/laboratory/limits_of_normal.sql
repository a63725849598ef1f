-- One row a measure: the limits of normal of its results, in its unit: the lowest, middle and highest.
select
  measure,
  min(low) as lowest_low,
  quantile_disc(low, 0.5) as low,
  max(low) as highest_low,
  min(high) as lowest_high,
  quantile_disc(high, 0.5) as high,
  max(high) as highest_high
from chosen_result($filters, $cutoff)
where list_contains($measures, measure)
group by measure
order by measure

-- Scores whose bands do not add up to `(all)`, or of which a rate is no share.
{%- set measures = ['n', 'positives', 'negatives', 'gone', 'undecided', 'unscored'] %}
with

calibration as (

    select * from {{ ref('rpt_score_calibration') }}

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    calibration.score,
    calibration.segment,
    calibration.fiscal_quarter
from calibration
group by calibration.score, calibration.segment, calibration.fiscal_quarter
having
    {%- for measure in measures %}
        sum(
            case when calibration.band = '(all)' then -1 else 1 end * calibration.{{ measure }}
        ) <> 0
        or
    {%- endfor %}
    sum(calibration.n - calibration.positives - calibration.negatives) <> 0
    or min(calibration.expected_rate) < 0
    or max(calibration.expected_rate) > 1
    or min(calibration.auc - calibration.auc_low) < 0
    or max(calibration.auc - calibration.auc_high) > 0
    or min(calibration.observed_rate - calibration.rate_low) < -1e-9
    or max(calibration.observed_rate - calibration.rate_high) > 1e-9

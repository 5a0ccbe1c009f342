-- Sources, captured days, quarters and segments in which opening plus movements is not closing.
{{ unexplained_changes('open', ref('fct_pipeline_movements')) }}

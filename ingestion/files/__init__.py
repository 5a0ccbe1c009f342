"""The `files` source: CSV or Parquet files of any system."""

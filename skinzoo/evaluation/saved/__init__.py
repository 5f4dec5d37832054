"""Reports on disk: what is written, and how it is read and checked again."""

from skinzoo.evaluation.saved.reading import load_report
from skinzoo.evaluation.saved.writing import SCHEMA_VERSION, prediction_table, saved_keys

__all__ = ["SCHEMA_VERSION", "load_report", "prediction_table", "saved_keys"]

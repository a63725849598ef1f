"""Reading extracts: every format comes in by ``read_extract`` and leaves as frames of text."""

from data_validation.readers.extract import Dataset, Extract, ReadingNote, read_extract
from data_validation.readers.limits import Limits
from data_validation.readers.members import Ignored
from data_validation.readers.problems import Problem, UnreadableExtract

__all__ = [
    "Dataset",
    "Extract",
    "Ignored",
    "Limits",
    "Problem",
    "ReadingNote",
    "UnreadableExtract",
    "read_extract",
]

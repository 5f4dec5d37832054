"""Label spaces: which classes a collection or a model knows, what they stand for, and how one space maps to another."""

from skinzoo.taxonomy.alignment import Alignment, align, compatible, meaning
from skinzoo.taxonomy.diagnoses import DIAGNOSES, Diagnosis
from skinzoo.taxonomy.known import (
    BINARY,
    DERM7PT,
    FITZPATRICK3,
    ISIC9,
    ISIC2017,
    ISIC2018,
    ISIC2019,
    MILK10K,
    PAD_UFES_20,
    PH2,
)
from skinzoo.taxonomy.spaces import LABEL_SPACES, LabelSpace

__all__ = [
    "BINARY",
    "DERM7PT",
    "DIAGNOSES",
    "FITZPATRICK3",
    "ISIC9",
    "ISIC2017",
    "ISIC2018",
    "ISIC2019",
    "LABEL_SPACES",
    "MILK10K",
    "PAD_UFES_20",
    "PH2",
    "Alignment",
    "Diagnosis",
    "LabelSpace",
    "align",
    "compatible",
    "meaning",
]

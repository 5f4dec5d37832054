"""Elementary diagnoses: what the classes of all label spaces are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["benign", "malignant", "undetermined"]


class Diagnosis(NamedTuple):
    """One elementary diagnosis.

    Attributes:
        kind: `"undetermined"` where authors disagree or the diagnosis itself leaves it open; then each label space
            decides by its own `malignant` set.
        note: What belongs to it.
    """

    kind: Kind
    note: str


DIAGNOSES: Mapping[str, Diagnosis] = {
    "melanoma": Diagnosis("malignant", "in situ, invasive and metastatic"),
    "common nevus": Diagnosis("benign", "dermal, congenital, blue, Spitz, Reed, combined and recurrent too"),
    "atypical nevus": Diagnosis("benign", "dysplastic or Clark nevus"),
    "atypical melanocytic proliferation": Diagnosis("undetermined", "neither clearly nevus nor clearly melanoma"),
    "basal cell carcinoma": Diagnosis("malignant", "all subtypes"),
    "actinic keratosis": Diagnosis("undetermined", "solar keratosis; malignant in ISIC's spaces, not in PAD-UFES-20's"),
    "intraepithelial carcinoma": Diagnosis("malignant", "Bowen's disease, squamous cell carcinoma in situ"),
    "invasive squamous cell carcinoma": Diagnosis("malignant", ""),
    "keratoacanthoma": Diagnosis("malignant", "counted with squamous cell carcinoma"),
    "solar lentigo": Diagnosis("benign", ""),
    "seborrheic keratosis": Diagnosis("benign", ""),
    "lichen planus-like keratosis": Diagnosis("benign", "lichenoid keratosis"),
    "lentigo NOS": Diagnosis("benign", "a lentigo of which nobody says whether it is solar"),
    "melanosis": Diagnosis("benign", "melanotic macule"),
    "cafe-au-lait macule": Diagnosis("benign", ""),
    "dermatofibroma": Diagnosis("benign", ""),
    "vascular lesion": Diagnosis("benign", "angioma, angiokeratoma, pyogenic granuloma, haemorrhage"),
    "inflammatory condition": Diagnosis("benign", "inflammatory or infectious; not a neoplasm"),
    "other benign": Diagnosis("benign", "a benign proliferation that is none of the above"),
    "other malignant": Diagnosis("malignant", "a malignant proliferation that is none of the above"),
    "unspecified": Diagnosis("undetermined", "called miscellaneous, without more"),
}
"""Every elementary diagnosis, by name."""


def of_kind(*kinds: Kind) -> frozenset[str]:
    """Names of the diagnoses of the given kinds."""
    return frozenset(name for name, diagnosis in DIAGNOSES.items() if diagnosis.kind in kinds)

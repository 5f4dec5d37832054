"""The label spaces of the public collections, in the order of their own tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from skinzoo.taxonomy.diagnoses import of_kind
from skinzoo.taxonomy.spaces import LABEL_SPACES, LabelSpace

_TITLES = {
    "MEL": "melanoma",
    "NV": "melanocytic nevus",
    "BCC": "basal cell carcinoma",
    "AKIEC": "actinic keratosis / intraepithelial carcinoma",
    "BKL": "benign keratosis",
    "DF": "dermatofibroma",
    "VASC": "vascular lesion",
    "AK": "actinic keratosis",
    "SCC": "squamous cell carcinoma",
    "SEK": "seborrheic keratosis",
}
_NEVI = ("common nevus", "atypical nevus")
_COVERS: Mapping[str, tuple[str, ...]] = {
    "MEL": ("melanoma",),
    "NV": _NEVI,
    "BCC": ("basal cell carcinoma",),
    "AKIEC": ("actinic keratosis", "intraepithelial carcinoma"),
    "BKL": ("solar lentigo", "seborrheic keratosis", "lichen planus-like keratosis"),
    "DF": ("dermatofibroma",),
    "VASC": ("vascular lesion",),
    "AK": ("actinic keratosis",),
    "SCC": ("intraepithelial carcinoma", "invasive squamous cell carcinoma", "keratoacanthoma"),
    "SEK": ("seborrheic keratosis",),
}
"""What a code stands for in every space that has it, as HAM10000's authors and ISIC 2019's labels of the same pictures
say: of HAM10000's 327 AKIEC pictures, ISIC 2019 calls 130 AK and 197 SCC."""


def _space(
    name: str,
    classes: str,
    malignant: str,
    titles: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    covers: Mapping[str, Collection[str]] | None = None,
) -> LabelSpace:
    codes = tuple(classes.split())
    known = {code: _TITLES[code] for code in codes if code in _TITLES}
    stands_for = {**_COVERS, **(covers or {})}
    space = LabelSpace(
        name,
        codes,
        titles={**known, **(titles or {})},
        aliases=aliases or {},
        malignant=frozenset(malignant.split()),
        covers={code: frozenset(stands_for[code]) for code in codes},
    )
    return LABEL_SPACES.register(name)(space)


_BENIGN = of_kind("benign", "undetermined")
_MALIGNANT = of_kind("malignant", "undetermined")

BINARY = _space("binary", "benign malignant", "malignant", covers={"benign": _BENIGN, "malignant": _MALIGNANT})
"""Benign or malignant. Both can hold an undetermined diagnosis such as actinic keratosis: which of them a class goes to
is decided by the `malignant` set of the space that it comes from."""

ISIC2017 = _space("isic2017", "MEL SEK NV", "MEL", {"NV": "nevus"}, {"seborrheic_keratosis": "SEK"})
"""Three classes of ISIC 2017 part 3; a row that is neither melanoma nor seborrheic keratosis is a nevus."""

ISIC2018 = _space(
    "isic2018",
    "MEL NV BCC AKIEC BKL DF VASC",
    "MEL BCC AKIEC",
    aliases={"nevus": "NV", "actinic keratosis": "AKIEC", "benign keratosis-like lesion": "BKL"},
)
"""Seven classes of ISIC 2018 task 3 and, in lower case, of HAM10000."""

ISIC2019 = _space("isic2019", "MEL NV BCC AK BKL DF VASC SCC", "MEL BCC AK SCC", aliases={"nevus": "NV"})
"""Eight classes of ISIC 2019 and BCN20000; the challenge's ninth, UNK, stands for none of them and is no label."""

ISIC9 = _space(
    "isic9",
    "AK BCC DF MEL NV PBK SEK SCC VASC",
    "AK BCC MEL SCC",
    {"NV": "nevus", "PBK": "pigmented benign keratosis"},
    covers={"PBK": _COVERS["BKL"]},
)
"""Nine classes of the "Skin cancer ISIC" folders; actinic keratosis counts as malignant, as AKIEC does in ISIC 2018.

PBK is the ISIC archive's name for HAM10000's BKL: every picture of it that HAM10000 has too is BKL there, of every body
site and kind of proof. It includes seborrheic keratosis, which SEK says more precisely."""

MILK10K = _space(
    "milk10k",
    "AKIEC BCC BEN_OTH BKL DF INF MAL_OTH MEL NV SCCKA VASC",
    "AKIEC BCC MAL_OTH MEL SCCKA",
    {
        "BEN_OTH": "other benign proliferation",
        "INF": "inflammatory or infectious condition",
        "MAL_OTH": "other malignant proliferation",
        "SCCKA": "squamous cell carcinoma / keratoacanthoma",
    },
    covers={
        "BEN_OTH": ("other benign",),
        "INF": ("inflammatory condition",),
        "MAL_OTH": ("other malignant",),
        "SCCKA": ("invasive squamous cell carcinoma", "keratoacanthoma"),
    },
)
"""Eleven classes of MILK10k; carcinoma in situ stands with actinic keratosis, not with squamous cell carcinoma."""

PH2 = _space(
    "ph2",
    "CN AN MEL",
    "MEL",
    {"CN": "common nevus", "AN": "atypical nevus"},
    covers={"CN": ("common nevus",), "AN": ("atypical nevus",)},
)
"""Three classes of PH2."""

PAD_UFES_20 = _space(
    "pad_ufes_20",
    "ACK BCC MEL NEV SCC SEK",
    "BCC MEL SCC",
    {"ACK": "actinic keratosis", "NEV": "nevus"},
    covers={"ACK": ("actinic keratosis",), "NEV": _NEVI},
)
"""Six classes of PAD-UFES-20, whose SCC includes Bowen's disease; its authors count actinic keratosis as benign disease
that may turn malignant."""

DERM7PT = _space(
    "derm7pt",
    "BCC NEV MEL MISC SK",
    "BCC MEL",
    {"NEV": "nevus", "MISC": "miscellaneous", "SK": "seborrheic keratosis"},
    covers={
        "NEV": _NEVI,
        "MISC": ("dermatofibroma", "lentigo NOS", "melanosis", "vascular lesion", "unspecified"),
        "SK": ("seborrheic keratosis",),
    },
)
"""Five classes that Derm7pt's authors merge its diagnoses into."""

FITZPATRICK3 = _space(
    "fitzpatrick3",
    "benign malignant non-neoplastic",
    "malignant",
    covers={
        "benign": _BENIGN - {"inflammatory condition"},
        "malignant": _MALIGNANT,
        "non-neoplastic": ("inflammatory condition",),
    },
)
"""Three partitions of Fitzpatrick17k."""

"""What a human has to state about a model before others may use it; figures and counts are derived and never typed.

The fields are those that CLEAR Derm asks of reports on image-based artificial intelligence in dermatology (Daneshjou et
al. 2022, JAMA Dermatology 158:90-96, doi:10.1001/jamadermatol.2021.4915) and TRIPOD+AI of prediction models (Collins et
al. 2024, BMJ 385:e078378, doi:10.1136/bmj-2023-078378), as far as nothing else in a published model answers them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["text", "named"]

NOT_AVAILABLE = "not available"


class Question(NamedTuple):
    """What a field of the card is asked for.

    Attributes:
        name: Of the field.
        section: Of the card.
        title: Above the answer in the card.
        ask: What to write.
        item: Where the question comes from.
        least: Characters that an answer has at least; below, it says nothing.
        none: Whether "none" is an answer.
        unavailable: Whether "not available" is one.
        needed: False where the answer is needed under some conditions only.
        kind: `"named"` for texts by name.
    """

    name: str
    section: str
    title: str
    ask: str
    item: str = ""
    least: int = 1
    none: bool = False
    unavailable: bool = False
    needed: bool = True
    kind: Kind = "text"


QUESTIONS: tuple[Question, ...] = (
    Question("title", "Identity", "Name", "The model's name, as people will read it.", "TRIPOD+AI 1"),
    Question("version", "Identity", "Version", "Of these weights, such as 1.0."),
    Question("authors", "Identity", "Authors", "Who made the model: persons, institutions."),
    Question("contact", "Identity", "Contact", "Where to ask and to report harm: an address or a page.", least=5),
    Question("citation", "Identity", "Citation", "How to cite the model: BibTeX, or a text.", least=10),
    Question(
        "licence",
        "Identity",
        "Licence of the weights",
        "An identifier of https://huggingface.co/docs/hub/repositories-licenses, such as cc-by-nc-4.0; or other. "
        "Weights trained on collections for non-commercial use carry that condition.",
    ),
    Question("licence_name", "Identity", "Name of the licence", "A short name, if the licence is other.", needed=False),
    Question("licence_link", "Identity", "Its text", "An https address, if the licence is other.", needed=False),
    Question(
        "intended_task",
        "Use",
        "Intended task",
        "What the model is for, and what a user does with its answer.",
        "TRIPOD+AI 3a",
        least=20,
    ),
    Question(
        "intended_users", "Use", "Intended users", "Who may use it, with what training.", "TRIPOD+AI 3b", least=10
    ),
    Question(
        "modality",
        "Use",
        "Modality",
        "Which pictures: dermoscopic, clinical photographs; of which lesions, how taken.",
        "CLEAR Derm, data",
    ),
    Question(
        "target_population",
        "Use",
        "Target population",
        "For whose lesions, in which setting of care.",
        "TRIPOD+AI 3b",
        least=10,
    ),
    Question(
        "out_of_scope",
        "Use",
        "Out of scope",
        "What it must not be used for: body sites, lesions, cameras, people, decisions.",
        "CLEAR Derm, application",
        least=20,
    ),
    Question(
        "data_sources",
        "Data",
        "Sources",
        "Who collected the pictures, how, and why these were chosen.",
        "TRIPOD+AI 5a",
        least=20,
    ),
    Question("data_dates", "Data", "Dates", "From when to when the pictures were taken.", "TRIPOD+AI 5b", least=4),
    Question("data_sites", "Data", "Sites", "Clinics and countries that they come from.", "TRIPOD+AI 6a", least=4),
    Question("data_devices", "Data", "Devices", "Cameras and dermatoscopes.", "CLEAR Derm, data", least=4),
    Question(
        "inclusion_exclusion",
        "Data",
        "Inclusion and exclusion",
        "Which lesions and pictures were taken, which not.",
        "TRIPOD+AI 6b",
        least=20,
    ),
    Question(
        "excluded_classes",
        "Data",
        "Diagnoses left out",
        "Diagnoses that the model has never seen; or none.",
        "CLEAR Derm, data",
        none=True,
    ),
    Question(
        "demographics",
        "Data",
        "Age, sex, body site",
        f"Of the people; or {NOT_AVAILABLE}.",
        "TRIPOD+AI 20b",
        unavailable=True,
    ),
    Question(
        "skin_tone",
        "Data",
        "Skin tone",
        f"Which skin tones, how many of each; or {NOT_AVAILABLE}.",
        "CLEAR Derm, data",
        unavailable=True,
    ),
    Question(
        "skin_tone_assessment",
        "Data",
        "How skin tone was assessed",
        f"Scale, by whom, from what; or {NOT_AVAILABLE}.",
        "CLEAR Derm, data",
        unavailable=True,
    ),
    Question(
        "artefacts",
        "Data",
        "Artefacts",
        "Hair, rulers, ink, gel, frames: how often, and what was done.",
        "CLEAR Derm, data",
        least=10,
    ),
    Question(
        "preprocessing",
        "Data",
        "Preprocessing",
        "What was done to the pictures before the model's own input transform; or none.",
        "TRIPOD+AI 7",
        none=True,
    ),
    Question(
        "synthetic_data",
        "Data",
        "Synthetic pictures",
        "Generated pictures among the training data; or none.",
        "CLEAR Derm, data",
        none=True,
    ),
    Question(
        "duplicates",
        "Data",
        "Duplicates",
        "How copies and further pictures of a lesion were kept on one side.",
        least=10,
    ),
    Question(
        "missing_data",
        "Data",
        "Missing data",
        "Missing labels, masks and metadata, and what was done.",
        "TRIPOD+AI 11",
        least=10,
    ),
    Question(
        "sample_size", "Data", "Sample size", "How it came about, and whether it is enough.", "TRIPOD+AI 10", least=10
    ),
    Question(
        "data_licences",
        "Data",
        "Licences of the data",
        "For each collection whose record states no licence, by its title.",
        needed=False,
        kind="named",
    ),
    Question(
        "ground_truth",
        "Labels",
        "Ground truth",
        "For each class by its code, and under mask for masks: how it was established, and the share that "
        "histopathology confirmed.",
        "TRIPOD+AI 8a",
        least=4,
        kind="named",
    ),
    Question(
        "annotators", "Labels", "Annotators", "How many, of what experience, blinded to what.", "TRIPOD+AI 8b", least=10
    ),
    Question(
        "pretraining",
        "Development",
        "Weights before training",
        "Where the starting weights come from, what they had seen, under which licence; or none, for random ones.",
        none=True,
    ),
    Question("loss", "Development", "Loss", "What was minimised, with weights of classes.", "TRIPOD+AI 12", least=2),
    Question(
        "training_procedure",
        "Development",
        "Training",
        "Optimiser, learning rate, epochs, batch size, augmentation, sampling.",
        "CLEAR Derm, technique",
        least=10,
    ),
    Question(
        "selection_rule",
        "Development",
        "Selection",
        "By what these weights were chosen among all that were trained, on which pictures.",
        "TRIPOD+AI 12",
        least=10,
    ),
    Question("seeds", "Development", "Seeds", "Of split and training; how many runs there were."),
    Question("compute", "Development", "Compute", "Hardware and time of training.", "CLEAR Derm, technique", least=4),
    Question(
        "baseline",
        "Evaluation",
        "Compared with",
        "What the figures are to be compared with: clinicians, an earlier model, chance; on which pictures.",
        "CLEAR Derm, technical assessment",
        least=20,
    ),
    Question(
        "fairness",
        "Evaluation",
        "Fairness",
        "For whom it works worse, what was done about it, and which groups could not be judged.",
        "TRIPOD+AI 14",
        least=20,
    ),
    Question(
        "out_of_distribution",
        "Evaluation",
        "Other pictures",
        "What it does with pictures unlike those of the training: other diagnoses, no lesion, other cameras.",
        "CLEAR Derm, application",
        least=20,
    ),
    Question(
        "no_external_test",
        "Evaluation",
        "No external test",
        "Why no report on another collection is given, and what that means. Only without external reports.",
        "TRIPOD+AI 12",
        least=20,
        needed=False,
    ),
    Question("limits", "Limits", "Limits", "What the figures do not show.", "TRIPOD+AI 26", least=20),
    Question("known_biases", "Limits", "Known biases", "Of data and model.", "CLEAR Derm, data", least=20),
    Question(
        "expected_harms",
        "Limits",
        "Expected harms",
        "What a wrong answer does, to whom, and what guards against it.",
        least=20,
    ),
    Question(
        "code_access", "Limits", "Code", "Where the code of training and evaluation is.", "TRIPOD+AI 18f", least=4
    ),
    Question("data_access", "Limits", "Data", "Where the data are, for whom.", "TRIPOD+AI 18e", least=4),
)
"""In the order of the card."""

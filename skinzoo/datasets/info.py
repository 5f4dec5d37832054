"""What is declared about a collection before any of its files is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skinzoo.download import RemoteFile
from skinzoo.taxonomy import LabelSpace


@dataclass(frozen=True)
class DatasetInfo:
    """Declared facts about a collection, as published by its authors.

    Attributes:
        name: The name that `load_dataset` takes.
        title: Full name.
        tree: The folder tree that the adapter expects, shown when something is missing.
        label_space: None if the classes are read from the collection itself.
        group: What the group id stands for: `"patient"`, `"lesion"`, or `"image"` where the collection knows neither.
        num_images: Images in the complete collection, all parts together; None where it depends on the user's data.
        class_counts: Images of each class that the published tables label, all parts together; empty where nobody
            says.
        parts: Official parts by name (`"train"`, `"val"`, `"test"`), each with its number of images.
        has_masks: True if lesion masks belong to the collection.
        metadata: Columns that a sample's metadata may hold.
        leaky: Those of them that give the diagnosis away, each with the reason; they are for analysis, never inputs.
        namespace: Collections of one namespace mean the same picture by one id, and the same lesion or patient by one
            group id; empty if the ids mean nothing elsewhere.
        modality: `"dermoscopic"`, `"clinical"` (photographs), `"tile"` (cut from total-body photographs) or `"mixed"`.
        licence: Licence of the images.
        homepage: Where to get it.
        citation: What to cite.
        downloads: Files that may be fetched without an account or a click.
        access: What else has to be done to get it, such as a command or a form; empty if `downloads` is all.
        outranks: Pairs of classes of which, where both are given to one picture, the first is known to be right;
            used by `conflicts="resolve"`.
    """

    name: str
    title: str
    tree: str = ""
    label_space: LabelSpace | None = None
    group: str = "image"
    num_images: int | None = None
    class_counts: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)
    has_masks: bool = False
    metadata: tuple[str, ...] = ()
    leaky: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    modality: str = "dermoscopic"
    licence: str = ""
    homepage: str = ""
    citation: str = ""
    downloads: tuple[RemoteFile, ...] = ()
    access: str = ""
    outranks: tuple[tuple[str, str], ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Metadata columns that a model may be given: all that do not give the diagnosis away."""
        return tuple(column for column in self.metadata if column not in self.leaky)

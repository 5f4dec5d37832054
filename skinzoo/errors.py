"""Every error that skinzoo raises on purpose.

Each message says what was received, what was expected and what to do. Catch `SkinzooError` to catch them all; where a
builtin fits (`ValueError`, `FileNotFoundError` ...) the class derives from it too.

```
SkinzooError
├── UnknownNameError            a name that no registry holds (KeyError)
├── ConfigError                 an option or a value that makes no sense (ValueError)
├── MissingDependencyError      an optional package is not installed (ImportError)
├── DataError
│   ├── DatasetNotFoundError    the folder or a required file is absent (FileNotFoundError)
│   ├── TableError              a CSV that cannot be read as promised (ValueError)
│   ├── LabelError              a label outside the label space (ValueError)
│   ├── ImageDecodeError        a file that is not a usable image (ValueError)
│   ├── MaskError               a mask that is not a usable mask (ValueError)
│   ├── IntegrityError          strict=True and something is wrong with the collection
│   ├── SplitError              a split that cannot be made as asked (ValueError)
│   ├── LeakageError            the same patient, lesion or picture on both sides of a split
│   ├── ArchiveError            an archive that cannot be unpacked safely (ValueError)
│   └── DownloadError           a file that could not be fetched, or is not the one expected
├── WeightsError
│   ├── UnsafeWeightsError      a pickle, or a file that is not safetensors
│   ├── WeightsMismatchError    weights of another architecture or label space
│   ├── ChecksumError           bytes that are not the ones that were published
│   ├── OfflineError            a download was needed and the network did not answer
│   └── PublishError            a model that cannot be published as it is
└── TrainingError
    ├── DivergedError           a loss that is not finite
    ├── EmptyLoaderError        no batch to train or evaluate on
    ├── BatchTooSmallError      a batch of one in front of BatchNorm
    ├── OutOfMemoryError        the device's memory is too small for the batch (MemoryError)
    ├── RunLockedError          another process writes to the same output folder
    └── CheckpointError
        ├── CheckpointDamagedError    no checkpoint can be read
        ├── CheckpointMismatchError   a checkpoint of another configuration, split or class list
        └── CheckpointWriteError      a checkpoint could not be written (OSError)
```
"""


class SkinzooError(Exception):
    """Base of every error raised by skinzoo."""


class UnknownNameError(SkinzooError, KeyError):
    """A name that no registry holds; the message lists close matches."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


class ConfigError(SkinzooError, ValueError):
    """An option or a value that makes no sense."""


class MissingDependencyError(SkinzooError, ImportError):
    """An optional package is not installed; the message names the extra."""


class DataError(SkinzooError):
    """Something is wrong with a collection or one of its files.

    Attributes:
        code: What is wrong in one word, such as `CSV_DELIMITER`; empty where the type says it all.
    """

    code = ""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[type["DataError"], tuple[str, str]]:
        return type(self), (str(self), self.code)  # survives the way back from a worker process


class DatasetNotFoundError(DataError, FileNotFoundError):
    """The collection's folder or one of its required files is absent."""

    code = "EMPTY_DATASET"

    def __str__(self) -> str:  # FileNotFoundError would show both arguments
        return str(self.args[0])


class TableError(DataError, ValueError):
    """A table that cannot be read as promised."""

    code = "CSV_SHAPE"


class LabelError(DataError, ValueError):
    """A label outside the label space."""

    code = "LABEL_UNKNOWN"


class ImageDecodeError(DataError, ValueError):
    """A file that is not a usable image."""

    code = "IMG_NOT_IMAGE"


class MaskError(ImageDecodeError):
    """A file that is not a usable lesion mask."""

    code = "MASK_UNREADABLE"


class IntegrityError(DataError):
    """`strict=True` was asked for and the collection has unusable rows."""


class SplitError(DataError, ValueError):
    """A split that cannot be made as asked."""


class LeakageError(DataError):
    """The same patient, lesion or picture stands on both sides of a split."""

    code = "LEAK"


class ArchiveError(DataError, ValueError):
    """An archive that cannot be unpacked safely; nothing of it was unpacked."""

    code = "ARCHIVE_UNSAFE"


class DownloadError(DataError):
    """A file that could not be fetched, or that is not the one expected."""


class WeightsError(SkinzooError):
    """Weights that cannot be used."""


class UnsafeWeightsError(WeightsError):
    """A pickle, or a file that is not safetensors: it is never opened."""


class WeightsMismatchError(WeightsError):
    """Weights of another architecture or another label space."""


class ChecksumError(WeightsError):
    """Bytes that are not the ones that were published: damaged or changed on the way or on this disk."""


class OfflineError(WeightsError):
    """A download was needed and the network did not answer."""


class PublishError(WeightsError):
    """A model that cannot be published as it is; the message lists what is missing."""


class TrainingError(SkinzooError):
    """Training cannot start or go on."""


class DivergedError(TrainingError):
    """A loss or gradient that is not finite."""


class EmptyLoaderError(TrainingError):
    """There is no batch to train or evaluate on."""


class BatchTooSmallError(TrainingError):
    """A batch of one sample in front of BatchNorm."""


class OutOfMemoryError(TrainingError, MemoryError):
    """The device's memory is too small for the batch; the message says what to try."""


class RunLockedError(TrainingError):
    """Another process writes to the same output folder."""


class CheckpointError(TrainingError):
    """A checkpoint that cannot be written or read."""


class CheckpointDamagedError(CheckpointError):
    """No checkpoint of a run can be read; the message lists each with the reason."""


class CheckpointMismatchError(CheckpointError):
    """A checkpoint of another configuration, split or class list; the message lists the differences."""


class CheckpointWriteError(CheckpointError, OSError):
    """A checkpoint could not be written; the previous one is intact."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

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
│   └── LeakageError            the same patient, lesion or picture on both sides of a split
├── WeightsError
│   ├── UnsafeWeightsError      a pickle, or a file that is not safetensors
│   ├── WeightsMismatchError    weights of another architecture or label space
│   └── OfflineError            a download was needed and the network did not answer
└── TrainingError
    ├── DivergedError           a loss that is not finite
    ├── EmptyLoaderError        no batch to train or evaluate on
    └── BatchTooSmallError      a batch of one in front of BatchNorm
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
    """Something is wrong with a collection or one of its files."""


class DatasetNotFoundError(DataError, FileNotFoundError):
    """The collection's folder or one of its required files is absent."""


class TableError(DataError, ValueError):
    """A table that cannot be read as promised."""


class LabelError(DataError, ValueError):
    """A label outside the label space."""


class ImageDecodeError(DataError, ValueError):
    """A file that is not a usable image.

    Attributes:
        code: The integrity code, such as `IMG_TRUNCATED`.
    """

    def __init__(self, message: str, code: str = "IMG_NOT_IMAGE") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["ImageDecodeError"], tuple[str, str]]:
        return type(self), (str(self), self.code)  # survives the way back from a worker process


class MaskError(ImageDecodeError):
    """A file that is not a usable lesion mask."""


class IntegrityError(DataError):
    """`strict=True` was asked for and the collection has unusable rows."""


class SplitError(DataError, ValueError):
    """A split that cannot be made as asked."""


class LeakageError(DataError):
    """The same patient, lesion or picture stands on both sides of a split."""


class WeightsError(SkinzooError):
    """Weights that cannot be used."""


class UnsafeWeightsError(WeightsError):
    """A pickle, or a file that is not safetensors: it is never opened."""


class WeightsMismatchError(WeightsError):
    """Weights of another architecture or another label space."""


class OfflineError(WeightsError):
    """A download was needed and the network did not answer."""


class TrainingError(SkinzooError):
    """Training cannot start or go on."""


class DivergedError(TrainingError):
    """A loss or gradient that is not finite."""


class EmptyLoaderError(TrainingError):
    """There is no batch to train or evaluate on."""


class BatchTooSmallError(TrainingError):
    """A batch of one sample in front of BatchNorm."""

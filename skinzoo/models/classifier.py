"""Classifiers: a backbone that pools to one vector, and a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from skinzoo.models.base import CamTarget, ModelConfig, SkinModel
from skinzoo.models.plain_form import PlainForm, linear_head, timm_form, timm_names
from skinzoo.types import ModelOutput


class Classifier(SkinModel):
    """A backbone that pools to one vector, and a head.

    Args:
        config: How the model was built.
        backbone: Images (N, 3, H, W) to features (N, F).
        head: Features to logits (N, classes).
        targets: Gives the layers that Grad-CAM can look at, the deepest first.
        freeze_backbone: True to train the head alone.
        fixed_size: True if the backbone takes one size only.
    """

    def __init__(
        self,
        config: ModelConfig,
        backbone: nn.Module,
        head: nn.Module,
        targets: Callable[[], list[CamTarget]],
        *,
        freeze_backbone: bool = False,
        fixed_size: bool = False,
    ) -> None:
        super().__init__(config, frozen=[backbone] if freeze_backbone else [], fixed_size=fixed_size)
        self.backbone = backbone
        self.head = head
        self._targets = targets

    def predict_logits(self, images: Tensor) -> ModelOutput:
        """Logits (N, classes)."""
        return ModelOutput(logits=self.head(self.backbone(images)))

    def cam_targets(self) -> list[CamTarget]:
        """The feature maps, or the tokens that enter the attention blocks."""
        return self._targets()

    def plain_form(self) -> PlainForm | None:
        """Plain timm's, with a linear head; None for another head, and where timm ends the network otherwise."""
        if linear_head(self.head) is None or self.label_space is None:
            return None
        return timm_form(self.backbone, self.state_dict(), spec=self.input_spec, space=self.label_space)

    def plain_names(self) -> Mapping[str, str] | None:
        """The name of each tensor in timm, without looking whether timm's network has others too."""
        return None if linear_head(self.head) is None else timm_names(self.backbone, self.state_dict())

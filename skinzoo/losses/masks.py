"""What the losses of masks share: samples without a mask do not count."""

from __future__ import annotations

from torch import Tensor, nn

from skinzoo.losses.reduction import annotated_masks, connected_zero, full_precision, mean_over_annotated


class MaskLoss(nn.Module):
    """The mean of `per_sample`, which a subclass defines, over the samples that have a mask."""

    def forward(self, logits: Tensor, masks: Tensor | None) -> Tensor:
        """Mean loss of the samples that have a mask.

        Args:
            logits: (N, 1, H, W), before the sigmoid.
            masks: (N, 1, H, W) in [0, 1], NaN throughout a sample without a mask; None if no sample has one.

        Returns:
            Scalar; 0 (still part of the graph) if no sample has a mask.

        Raises:
            ConfigError: The shapes differ.
            MaskError: A value outside [0, 1], or NaN in a part of a mask.
        """
        logits = full_precision(logits)
        if masks is None:
            return connected_zero(logits)
        targets, annotated = annotated_masks(logits, masks)
        return mean_over_annotated(self.per_sample(logits, targets), annotated)

    def per_sample(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The loss of each sample, (N,).

        Args:
            logits: (N, 1, H, W), before the sigmoid, float32 or float64.
            targets: (N, 1, H, W) in [0, 1] without NaN, of the same dtype.

        Raises:
            NotImplementedError: A subclass does not define it.
        """
        raise NotImplementedError

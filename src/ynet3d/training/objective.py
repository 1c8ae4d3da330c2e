"""From a part of a batch to the loss of all of it, for several processes or several passes."""

from __future__ import annotations

import torch
from torch import nn

from ynet3d.devices import channels_last, precision
from ynet3d.training.deep_supervision import DeepSupervision
from ynet3d.training.distributed import Group
from ynet3d.training.shared_loss import SharedLoss


class SharedObjective(nn.Module):
    """Network, heads of deep supervision and loss as one module, so that PyTorch can share it."""

    def __init__(
        self,
        network: nn.Module,
        loss: SharedLoss,
        supervision: DeepSupervision | None,
        *,
        group: Group,
        mixed: bool,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.supervision = network, loss, supervision
        self._group, self._mixed = group, mixed

    def forward(
        self, image: torch.Tensor, label: torch.Tensor, total: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Loss of the batch; its gradients are this part's share of the batch's, and add up.

        Args:
            image: (N, 1, D, H, W) float32, a part of the batch, or none of it (N = 0).
            label: (N, 1, D, H, W) uint8.
            total: `sums` of the whole batch; None: found here, when each process has one part.
        """
        own = self.sums(image, label)
        if total is None:
            total = self._group.total(own)
        total = total + (own - own.detach())  # the batch's value, of which this part's sums move
        if self.supervision is None:
            return self.loss.value(total[0])
        values = [self.loss.value(sums) for sums in total]
        return self.supervision.mean(values)

    def sums(self, image: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """(resolutions, K): what the loss adds up, for each resolution that learns."""
        empty = not len(image)
        if empty:  # no sample is left for this process: it keeps step with a blank that weighs 0
            image, label = (each.new_zeros(1, *each.shape[1:]) for each in (image, label))
        device = self._group.device
        label = label.to(device)
        with precision(device, mixed=self._mixed):
            logits = self.network(channels_last(image, device))
            coarse = self.supervision.coarse_logits() if self.supervision is not None else []
        pairs = [(logits, label)]
        if self.supervision is not None:
            pairs = self.supervision.pairs(logits, coarse, label)
        sums = torch.stack([self.loss.sums(given.float(), wanted) for given, wanted in pairs])
        return sums * 0 if empty else sums

"""Initialisation of the paper's recipe: the normal distribution of its [16], He et al. 2015."""

from __future__ import annotations

from torch import nn

from ynet3d.networks.blocks import NEGATIVE_SLOPE

_CONVOLUTIONS = (nn.Conv3d, nn.ConvTranspose3d)


def he_normal(network: nn.Module) -> nn.Module:
    """Draw every convolution's weights from He's normal distribution, in place; biases are zero."""
    for module in network.modules():
        if isinstance(module, _CONVOLUTIONS):
            nn.init.kaiming_normal_(module.weight, a=NEGATIVE_SLOPE, nonlinearity="leaky_relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network

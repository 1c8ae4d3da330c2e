"""The networks, by name: `create_network("3dynet", width=64)`, `list_networks()`."""

from ynet3d.networks.architecture import Architecture, Connection, Stage, architecture
from ynet3d.networks.checkpointing import checkpoint_activations, kept_map_bytes
from ynet3d.networks.complexity import Complexity, complexity, width_for_flop
from ynet3d.networks.initialisation import he_normal
from ynet3d.networks.joined import JoinedNetworks
from ynet3d.networks.monai_networks import MonaiDynUNet, MonaiSegResNet, MonaiSwinUNETR
from ynet3d.networks.parts import Part
from ynet3d.networks.registry import (
    NetworkEntry,
    create_network,
    list_networks,
    network_entry,
    register_network,
)
from ynet3d.networks.unet3d import UNet3D
from ynet3d.networks.vnet import VNet
from ynet3d.networks.ynet import YNet3D, YNet3DEE

__all__ = [
    "Architecture",
    "Complexity",
    "Connection",
    "JoinedNetworks",
    "MonaiDynUNet",
    "MonaiSegResNet",
    "MonaiSwinUNETR",
    "NetworkEntry",
    "Part",
    "Stage",
    "UNet3D",
    "VNet",
    "YNet3D",
    "YNet3DEE",
    "architecture",
    "checkpoint_activations",
    "complexity",
    "create_network",
    "he_normal",
    "kept_map_bytes",
    "list_networks",
    "network_entry",
    "register_network",
    "width_for_flop",
]

"""A network as a MONAI bundle, which `python -m monai.bundle run` executes without this package."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ynet3d.exporting.torchscript import save_torchscript
from ynet3d.files import write_json, write_text
from ynet3d.labels import RESEARCH_USE, Label
from ynet3d.weights import Weights

Shape = tuple[int, int, int, int, int]

_NETWORK = "models/model.ts"


def write_bundle(weights: Weights, folder: Path, shape: Shape) -> Path:
    """Write the bundle into the new `folder`; the path of its network inside.

    Its preprocessing is MONAI's nearest to ours: axes, window and grid are the same, interpolation
    is linear without our filter against aliasing, and components are not cleaned.
    """
    (folder / "models").mkdir(parents=True)
    network = folder / _NETWORK
    save_torchscript(weights.network, network, shape)
    write_json(folder / "configs" / "metadata.json", _metadata(weights, shape))
    write_json(folder / "configs" / "inference.json", _inference(weights, shape))
    write_text(folder / "docs" / "README.md", _readme(weights))
    return network


def _metadata(weights: Weights, shape: Shape) -> dict[str, Any]:
    labels = {str(int(label)): label.name.lower() for label in Label}
    training = weights.facts.get("training_data", {})
    size = list(shape[2:])
    return {
        "version": version("ynet3d"),
        "changelog": {version("ynet3d"): "exported by ynet3d"},
        "monai_version": version("monai"),
        "pytorch_version": torch.__version__.split("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {
            "nibabel": version("nibabel"),
            "pytorch-ignite": "0.5.5",
        },
        "task": "Liver and liver tumour segmentation",
        "description": f"{weights.recipe.network.name}, recipe {weights.recipe.name}. "
        f"{RESEARCH_USE}",
        "data_source": training.get("name", "unknown"),
        "copyright": training.get("licence", "see the weights"),
        "data_type": "nifti",
        "image_classes": "CT in HU",
        "label_classes": "0 background, 1 liver, 2 tumour",
        "pred_classes": "0 background, 1 liver, 2 tumour",
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "hounsfield",
                    "modality": "CT",
                    "num_channels": 1,
                    "spatial_shape": size,
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": weights.recipe.patches is not None,
                    "channel_def": {"0": "CT"},
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(Label),
                    "spatial_shape": size,
                    "dtype": "float32",
                    "value_range": [],
                    "is_patch_data": weights.recipe.patches is not None,
                    "channel_def": labels,
                }
            },
        },
    }


def _inference(weights: Weights, shape: Shape) -> dict[str, Any]:
    recipe = weights.recipe
    low, high = recipe.preprocessing.window_hu
    grid: dict[str, Any] = {
        "_target_": "Resized",
        "keys": "image",
        "spatial_size": list(recipe.preprocessing.size or ()),
        "mode": "trilinear",
        "align_corners": False,
    }
    if recipe.preprocessing.spacing_mm is not None:
        grid = {
            "_target_": "Spacingd",
            "keys": "image",
            "pixdim": list(recipe.preprocessing.spacing_mm),
            "mode": "bilinear",
        }
    inferer: dict[str, Any] = {"_target_": "SimpleInferer"}
    if recipe.patches is not None:
        inferer = {
            "_target_": "SlidingWindowInferer",
            "roi_size": list(shape[2:]),
            "sw_batch_size": 1,
            "overlap": recipe.inference.overlap,
            "mode": "gaussian",
        }
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "output_dir": "$os.path.join(@bundle_root, 'eval')",
        "dataset_dir": "/workspace/data",
        "datalist": "$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii.gz')))",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "network_def": f"$torch.jit.load(os.path.join(@bundle_root, '{_NETWORK}'), "
        "map_location=@device)",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image"},
                {"_target_": "EnsureChannelFirstd", "keys": "image"},
                # Slices to the head, rows to the back, columns to the patient's left.
                {"_target_": "Orientationd", "keys": "image", "axcodes": "SPL", "labels": None},
                {
                    "_target_": "ScaleIntensityRanged",
                    "keys": "image",
                    "a_min": low,
                    "a_max": high,
                    "b_min": 0.0,
                    "b_max": 1.0,
                    "clip": True,
                },
                grid,
                {"_target_": "EnsureTyped", "keys": "image"},
            ],
        },
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': i} for i in @datalist]",
            "transform": "@preprocessing",
        },
        "dataloader": {
            "_target_": "DataLoader",
            "dataset": "@dataset",
            "batch_size": 1,
            "shuffle": False,
            "num_workers": 0,
        },
        "inferer": inferer,
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {
                    "_target_": "Invertd",
                    "keys": "pred",
                    "transform": "@preprocessing",
                    "orig_keys": "image",
                    "nearest_interp": False,
                    "to_tensor": True,
                },
                {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "seg",
                    "output_dtype": "$np.uint8",
                    "separate_folder": False,
                },
            ],
        },
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network_def",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
        },
        "run": ["$@evaluator.run()"],
    }


def _readme(weights: Weights) -> str:
    return (
        f"# {weights.recipe.network.name}, recipe {weights.recipe.name}\n\n"
        "Finds the liver (1) and its tumours (2) in a CT in HU.\n\n"
        "    python -m monai.bundle run --config_file configs/inference.json \\\n"
        "        --bundle_root . --dataset_dir FOLDER_OF_NII_GZ --output_dir OUT\n\n"
        "Needs `pip install 'monai[ignite,nibabel,fire]'`.\n\n"
        f"{RESEARCH_USE}\n"
    )

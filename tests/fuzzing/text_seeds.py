"""Valid weights, recipes, suites, splits, descriptions of data sets, and results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from small_runs import save_small_weights

from fuzzing.case import Case
from ynet3d.experiments.suite import list_suites
from ynet3d.recipes import list_recipes

SPLIT_CASES = [f"volume-{number}" for number in range(8)]


def weights_seeds(folder: Path) -> Iterator[Case]:
    """A network of a few thousand parameters."""
    path = save_small_weights(folder / "best.safetensors")
    files = {name.name: name.read_bytes() for name in (path, path.with_suffix(".json"))}
    for entry in ("best.safetensors", "best.json", ""):
        yield Case("weights", files, entry)


def recipe_seeds() -> Iterator[Case]:
    """The recipes of the package."""
    for name in list_recipes():
        content = (resources.files("ynet3d.recipes") / f"{name}.yaml").read_bytes()
        yield Case("recipe", {"recipe.yaml": content}, "recipe.yaml")


def suite_seeds() -> Iterator[Case]:
    """The suites of the package."""
    for name in list_suites():
        source = resources.files("ynet3d.experiments") / "suites" / f"{name}.yaml"
        yield Case("suite", {"suite.yaml": source.read_bytes()}, "suite.yaml")


def split_seeds() -> Iterator[Case]:
    """Three parts, and folds, as YAML and as JSON."""
    three = {"train": SPLIT_CASES[:5], "validation": SPLIT_CASES[5:6], "test": SPLIT_CASES[6:]}
    folds = {f"fold-{number}": SPLIT_CASES[number - 1 :: 4] for number in range(1, 5)}
    for parts in (three, folds):
        split = {"dataset": "x", "seed": 1, "ratio": [5, 1, 2], "parts": parts}
        for name in ("split.yaml", "split.json"):
            yield Case("split", {name: json.dumps(split, indent=1).encode()}, name)


def dataset_seeds() -> Iterator[Case]:
    """Every layout that is described by a text, with empty files for its volumes."""
    labels = {"background": 0, "liver": 1, "tumour": 2}
    new = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 2, "name": "x"}
    volumes = {f"imagesTr/a{n}_0000.nii.gz": b"" for n in "12"}
    volumes |= {f"labelsTr/a{n}.nii.gz": b"" for n in "12"}
    table = b"case,patient\na1,p1\na2,p2\n"
    files = {"dataset.json": json.dumps(new).encode(), "cases.csv": table, **volumes}
    yield Case("dataset", files, "")
    listed = {"a": {"images": ["imagesTr/a1_0000.nii.gz"], "label": "labelsTr/a1.nii.gz"}}
    old = {"labels": {"0": "background", "1": "liver"}, "dataset": listed, "licence": "CC"}
    yield Case("dataset", {"dataset.json": json.dumps(old).encode(), **volumes}, "")
    pairs = [{"image": f"./imagesTr/l{n}.nii.gz", "label": f"./labelsTr/l{n}.nii.gz"} for n in "12"]
    task = {
        "name": "Liver",
        "labels": {"0": "background", "1": "liver", "2": "cancer"},
        "training": pairs,
        "test": ["./imagesTs/l3.nii.gz"],
        "licence": "CC",
    }
    yield Case("dataset", {"dataset.json": json.dumps(task).encode()}, "")
    rows = b"case,patient,image,label\na,p,a.nii.gz,b.nii.gz\nb,p,c.nii.gz,\n"
    yield Case("dataset", {"cases.csv": rows}, "cases.csv")
    bids = {f"sub-{n}/ct/sub-{n}_ct.nii.gz": b"" for n in "12"}
    bids |= {f"derivatives/x/sub-{n}/ct/sub-{n}_dseg.nii.gz": b"" for n in "12"}
    names = b"index\tname\n0\tbackground\n1\tliver\n2\ttumour\n"
    yield Case("dataset", {"derivatives/x/dseg.tsv": names, **bids}, "")


def result_seeds() -> Iterator[Case]:
    """What a prediction and an evaluation leave behind, read again by other commands."""
    lesion = {"number": 1, "ml": 1.5, "diameter_mm": 14.2, "centre": [1.0, 2.0, 3.0]}
    statistics = {
        **{"summary": "x", "liver_ml": 1500.0, "tumour_ml": 1.5, "tumour_share": 0.001},
        **{"lesion_count": 1, "lesions": [lesion], "notes": []},
    }
    yield Case("results", {"statistics.json": json.dumps(statistics).encode()}, "statistics.json")
    rows = ["case,class,reference_ml,dice,sensitivity"]
    for case in "ab":
        rows += [
            f"{case},{name},{ml},0.9,0.8"
            for name, ml in (("liver", 9.0), ("liver_label1", 8.0), ("tumour", 1.0))
        ]
    summary = {"liver_convention": "lits", "failures": [{"case": "b", "missing": True}]}
    files = {"cases.csv": "\n".join(rows).encode(), "summary.json": json.dumps(summary).encode()}
    yield Case("results", files, "")


def checkpoint_seeds(folder: Path) -> Iterator[Case]:
    """The state of a run with a network of one layer."""
    import torch

    from ynet3d.training.checkpoint import FILE, RunState, save_checkpoint

    network, optimiser = small_run()
    network(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    folder = folder / "run"
    folder.mkdir()
    save_checkpoint(folder, RunState(epoch=1, history=[{"loss": 1.0}]), network, optimiser, None)
    data = (folder / FILE).read_bytes()
    yield Case("checkpoint", {FILE: data}, "")
    # Without a checksum as well, so that what is spoilt is looked at.
    yield Case("checkpoint", {FILE: data.replace(b'"sha256"', b'"no sum"')}, "")


def small_run() -> tuple[Any, Any]:
    """A network of one layer, and its optimiser."""
    import torch

    torch.manual_seed(0)
    network = torch.nn.Linear(2, 2)
    return network, torch.optim.AdamW(network.parameters())

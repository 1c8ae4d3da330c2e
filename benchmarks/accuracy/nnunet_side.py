"""What runs in nnU-Net's own environment: preparation, a training under a budget, prediction.

Called by `benchmarks/accuracy/nnunet.py`; imports nothing of this package. Planner, preprocessing,
network, loss, augmentation, optimiser and predictor are nnU-Net's as they come. What differs, all
of it in `budget_trainer`:

* a training ends when its minutes are used up, in the middle of an epoch if need be;
* its learning rate falls by nnU-Net's own polynomial, over the share of the minutes that is used;
* the validation patches of each epoch are left out (they draw a curve and choose nothing that is
  used here: nnU-Net predicts with its last weights), so that the whole budget is training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

DATASET, DATASET_ID, PLANS = "Dataset001_scans", 1, "nnUNetPlans"
RESULT, PREPARED = "result.json", "prepared-{configuration}.json"
_PROGRESS, _LATEST, _FINAL = "progress.json", "checkpoint_latest.pth", "checkpoint_final.pth"
_SECONDS_BETWEEN_CHECKPOINTS, _SECONDS_BETWEEN_WORDS = 300.0, 60.0
_STOPPED = 130


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=["about", "prepare", "train", "predict"])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--entry")
    parser.add_argument("--configuration")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--cases", nargs="+")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    if given.stage == "about":
        print(json.dumps(about()))
        return
    given.folder = given.folder.resolve()
    # nnU-Net takes its folders and its numbers of processes from the environment alone.
    os.environ.update(
        nnUNet_raw=str(given.folder / "raw"),
        nnUNet_preprocessed=str(given.folder / "preprocessed"),
        nnUNet_results=str(given.folder / "results" / (given.entry or "")),
        nnUNet_def_n_proc=str(given.threads),
        nnUNet_n_proc_DA=str(given.threads),
    )
    import torch

    torch.set_num_threads(given.threads)
    {"prepare": prepare, "train": train, "predict": predict}[given.stage](given)


def about() -> dict[str, str]:
    """Versions of what decides a result."""
    from importlib.metadata import version

    import nnunetv2  # noqa: F401 (that it can be imported is the question)

    return {name: version(name) for name in ("nnunetv2", "torch")}


def prepare(given: argparse.Namespace) -> None:
    """Fingerprint, plans and preprocessed cases of one configuration."""
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api

    started = time.monotonic()
    folder = given.folder / "preprocessed" / DATASET
    plans = folder / f"{PLANS}.json"
    shared = folder / "planning.json"
    if not shared.is_file():
        api.extract_fingerprints([DATASET_ID], num_processes=given.threads)
        api.plan_experiments([DATASET_ID])
        write_json(shared, {"seconds": round(time.monotonic() - started, 1)})
        started = time.monotonic()
    planned = json.loads(plans.read_text("utf-8"))["configurations"]
    if given.configuration not in planned:
        raise SystemExit(
            f"Error: nnU-Net plans no {given.configuration} for these scans, but "
            f"{', '.join(planned)}: choose of them with --nnunet."
        )
    threads = [given.threads]
    api.preprocess([DATASET_ID], PLANS, [given.configuration], num_processes=threads)
    write_json(
        given.folder / PREPARED.format(configuration=given.configuration),
        {
            "planning_seconds": json.loads(shared.read_text("utf-8"))["seconds"],
            "preprocessing_seconds": round(time.monotonic() - started, 1),
            "plan": planned[given.configuration],
        },
    )


def budget_trainer() -> type:
    """nnU-Net's trainer, ended by the clock."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    class BudgetTrainer(nnUNetTrainer):
        minutes: float
        seconds, steps = 0.0, 0
        stopped = False

        def run_training(self) -> None:
            self.on_train_start()
            # Not earlier: the workers that make batches must end by signals as they always do.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
            self.network.train()
            begun, before = time.monotonic(), self.seconds
            told = saved = begun
            while self.seconds < 60 * self.minutes and not self.stopped:
                self.lr_scheduler.step(self.num_epochs * self.seconds / (60 * self.minutes))
                loss = self.train_step(next(self.dataloader_train))["loss"]
                self.steps += 1
                now = time.monotonic()
                self.seconds = before + now - begun
                if now - told > _SECONDS_BETWEEN_WORDS:
                    told = now
                    print(f"step {self.steps}, {self.seconds / 60:.1f} min, loss {loss:.3f}")
                if now - saved > _SECONDS_BETWEEN_CHECKPOINTS:
                    saved = now
                    self._save()
            if self.stopped:
                self._save()
                sys.stdout.flush()
                os._exit(_STOPPED)  # the workers are ended by who asked for it
            self.on_train_end()

        def resume(self) -> None:
            """Take up what `_save` left, if anything."""
            latest, progress = (Path(self.output_folder) / n for n in (_LATEST, _PROGRESS))
            if latest.is_file() and progress.is_file():
                self.load_checkpoint(str(latest))
                content = json.loads(progress.read_text("utf-8"))
                self.seconds, self.steps = content["seconds"], content["steps"]

        def _save(self) -> None:
            folder = Path(self.output_folder)
            self.save_checkpoint(str(folder / "writing.pth"))
            os.replace(folder / "writing.pth", folder / _LATEST)
            write_json(folder / _PROGRESS, {"seconds": self.seconds, "steps": self.steps})

        def _stop(self, *_: object) -> None:
            self.stopped = True

    torch.backends.cudnn.benchmark = True  # as nnU-Net's own command sets it
    return BudgetTrainer


def train(given: argparse.Namespace) -> None:
    """Train one configuration for so many minutes; goes on where it was stopped."""
    import torch

    plans, dataset = _plans(given.folder)
    device = torch.device(given.device)
    plans["continue_training"] = False  # the trainer takes it out again; only its loggers ask
    trainer = budget_trainer()(plans, given.configuration, 0, dataset, device=device)
    trainer.minutes = given.minutes
    trainer.initialize()
    trainer.resume()
    trainer.run_training()
    checkpoint = Path(trainer.output_folder) / _FINAL
    results = given.folder / "results" / given.entry
    write_json(
        results / RESULT,
        {
            "seconds": round(trainer.seconds, 1),
            "steps": trainer.steps,
            "parameters": sum(one.numel() for one in trainer.network.parameters()),
            "checkpoint": str(checkpoint.relative_to(results)),
            "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
            "versions": about(),
        },
    )


def predict(given: argparse.Namespace) -> None:
    """Masks of the cases into MASKS/test, and the seconds of each; what is there is kept.

    nnU-Net's predictor as it comes (windows overlap by half, Gaussian weights), without mirroring.
    """
    import torch
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    result = json.loads((given.folder / "results" / given.entry / RESULT).read_text("utf-8"))
    times_file = given.masks / "times.json"
    times: dict[str, Any] = {"weights": result["sha256"], "seconds": {"test": {}}}
    if times_file.is_file():
        stored = json.loads(times_file.read_text("utf-8"))
        times = stored if stored["weights"] == result["sha256"] else times
    predictor = _predictor(given, result, torch.device(given.device))
    files = SimpleITKIO()
    for case in given.cases:
        mask = given.masks / "test" / f"{case}.nii.gz"
        if case in times["seconds"]["test"] and mask.is_file():
            continue
        image, properties = files.read_images(
            [str(given.folder / "test" / "imagesTr" / f"{case}_0000.nii.gz")]
        )
        started = time.perf_counter()
        labels = predictor.predict_single_npy_array(image, properties)
        seconds = time.perf_counter() - started
        mask.parent.mkdir(parents=True, exist_ok=True)
        temporary = mask.parent / ".writing.nii.gz"
        files.write_seg(labels, str(temporary), properties)
        os.replace(temporary, mask)
        times["seconds"]["test"][case] = round(seconds, 2)
        write_json(times_file, times)
        print(f"{case}: {seconds:.1f} s", flush=True)


def _predictor(given: argparse.Namespace, result: dict[str, Any], device: Any) -> Any:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    path = given.folder / "results" / given.entry / result["checkpoint"]
    # Written by ourselves; it holds more than tensors.
    checkpoint = torch.load(path, map_location="cpu", weights_only=False)
    content, dataset = _plans(given.folder)
    plans = PlansManager(content)
    configuration = plans.get_configuration(given.configuration)
    heads = plans.get_label_manager(dataset).num_segmentation_heads
    network = nnUNetTrainer.build_network_architecture(
        plans, configuration, 1, heads, enable_deep_supervision=False
    )
    weights = checkpoint["network_weights"]
    network.load_state_dict(weights)
    predictor = nnUNetPredictor(use_mirroring=False, device=device, allow_tqdm=False)
    predictor.manual_initialization(
        network.to(device), plans, configuration, [weights], dataset, "nnUNetTrainer", None
    )
    network.eval()
    return predictor


def _plans(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    plans = folder / "preprocessed" / DATASET / f"{PLANS}.json"
    dataset = folder / "preprocessed" / DATASET / "dataset.json"
    return json.loads(plans.read_text("utf-8")), json.loads(dataset.read_text("utf-8"))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{path.name}")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, path)


if __name__ == "__main__":
    main()

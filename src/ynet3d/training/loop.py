"""The training loop. It can be stopped at any step and resumed with the same numbers."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from ynet3d.devices import (
    channels_last,
    computes_in_bfloat16,
    explained_memory_errors,
    keep_freed_memory,
    peak_memory_bytes,
)
from ynet3d.files import remove_leftovers
from ynet3d.networks import checkpoint_activations
from ynet3d.preprocessing import CaseCache
from ynet3d.preprocessing.augmentation import Augmenter
from ynet3d.progress import Progress, Task
from ynet3d.recipes import Recipe
from ynet3d.stopping import stop_on_signals
from ynet3d.training import not_finite
from ynet3d.training.averaging import copy_of, follow
from ynet3d.training.checkpoint import RunState, load_checkpoint, save_checkpoint
from ynet3d.training.data import TrainingData, TrainingResult, prepared, synthesis_maps
from ynet3d.training.deep_supervision import DeepSupervision
from ynet3d.training.distributed import Group, alone
from ynet3d.training.keeping import Keeper
from ynet3d.training.log import RECIPE, RunLog, progress_note, write_recipe
from ynet3d.training.loss import make_loss
from ynet3d.training.sampling import Sampler
from ynet3d.training.schedule import Schedule
from ynet3d.training.starting import check_agreement, check_run, check_sharing
from ynet3d.training.step import make_step, samples_at_once, wants_checkpoints
from ynet3d.training.validation import NO_VALIDATION, RULE, StoppedError
from ynet3d.weights import Weights, initial_network
from ynet3d.weights.widening import widened

_SECONDS_BETWEEN_CHECKPOINTS = 300.0
#: Schedulers kill 30 s after they asked: steps of this length may not end in time any more, so
#: there is a checkpoint after each.
_SECONDS_OF_A_LONG_STEP = 10.0
_ADVICE = "use a recipe with smaller patches or size, or set network.options.width lower"


def train(
    data: TrainingData,
    folder: Path,
    recipe: Recipe,
    *,
    device: str = "auto",
    group: Group | None = None,
    resume: bool = False,
    start: Weights | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train into `folder`: best and last weights, checkpoint, log.csv, curves.png, recipe.yaml.

    Args:
        device: of this process, if it is alone.
        group: the processes that train together, each of which calls this; the first one writes.
        cache: where preprocessed cases are kept, by default in `folder`.
        resume: go on from the checkpoint in `folder`, with the same numbers as if never stopped.
        start: weights to begin with, instead of random ones.

    Raises:
        InputError: no cases, a run is there already, or `recipe` differs from that of the run.
        YnetError: the loss stays no number, memory or disk ran out.
    """
    progress = progress or Progress()
    check_run(data, folder, recipe, resume=resume)
    group = group or alone(device)
    if group.first:
        remove_leftovers(folder, seconds=0)
    with explained_memory_errors(_ADVICE):
        run = _Run(data, folder, recipe, group, progress, start)
        run.load(cache or folder / "cache")
    if resume:
        run.restore()
    check_agreement(data, recipe, run.state, group)
    if group.first and not resume:
        write_recipe(folder / RECIPE, recipe)
    with explained_memory_errors(_ADVICE), stop_on_signals() as stop:
        finished = run.go(stop)
    return TrainingResult(
        folder / "best.safetensors",
        run.state.best if data.validation else None,
        run.state.epoch,
        run.state.seconds,
        finished,
    )


class _Run:
    """One run: the network and all that moves with it."""

    def __init__(
        self,
        data: TrainingData,
        folder: Path,
        recipe: Recipe,
        group: Group,
        progress: Progress,
        start: Weights | None,
    ) -> None:
        self.data, self.folder, self.recipe = data, folder, recipe
        self.group, self.device, self.progress = group, group.device, progress
        device = self.device
        if device.type == "cpu":
            keep_freed_memory()
        options = recipe.training
        # Samples have their own seeds.
        network = initial_network(recipe, seed=options.seed)
        if start is not None:
            before = start.network.state_dict()
            network.load_state_dict(widened(before, network, seed=options.seed))
        check_sharing(network, recipe, group)
        self.network = channels_last(network, device)
        self.average = copy_of(self.network) if options.ema_decay else None
        self.supervision: DeepSupervision | None = None
        parameters = list(self.network.parameters())
        if options.deep_supervision:
            self.supervision = DeepSupervision(self.network, recipe).to(device)
            parameters += self.supervision.parameters()
        self.optimiser = torch.optim.Adam(
            parameters, lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.loss = make_loss(options).to(device)
        self.state = RunState()
        self.log = RunLog(folder)

    def load(self, cache: Path) -> None:
        """Preprocess the cases, or take them from the cache."""
        store = CaseCache(cache, self.recipe.preprocessing)
        data, group, progress = self.data, self.group, self.progress
        cases = prepared(store, data.training, group, progress, title="Preparing training cases")
        validation = prepared(
            store, data.validation, group, progress, title="Preparing validation cases"
        )
        self.keeper = Keeper(self.folder, self.recipe, data, validation, group)
        size = self.recipe.patches.size if self.recipe.patches else cases[0].image.shape
        at_once = samples_at_once(self.recipe.training, self.group)
        if wants_checkpoints(self.recipe, size, self.device, samples=at_once):
            checkpoint_activations(self.network)
        augmenter = Augmenter(self.recipe.augmentation, size=size)
        maps = synthesis_maps(self.data, cache, self.recipe, self.progress)
        self.sampler = Sampler(cases, self.recipe, augmenter, maps, self.group.part)
        self.total_steps = self.recipe.training.epochs * self.sampler.steps_per_epoch
        self.schedule = Schedule(self.recipe.training, self.total_steps)

    def restore(self) -> None:
        """Take up the state of the checkpoint."""
        self.state = load_checkpoint(
            self.folder, self.network, self.optimiser, self.average, self.supervision
        )
        self.progress.say(
            f"Resuming after {self.state.epoch} epochs and {self.state.step} steps of the next."
        )
        # A run that was killed may have kept an epoch, but not told it.
        if self.group.first and self.state.history:
            self.log.write(self.state.history)

    def go(self, stop: threading.Event) -> bool:
        """Train to the end; False if `stop` was set on the way."""
        self.progress.say(RULE if self.keeper.validation else NO_VALIDATION)
        self.gradients = make_step(
            self.network, self.loss, self.recipe.training, self.supervision, self.group
        )
        with self.progress.task("Training", total=self.total_steps, done=self._step_number) as task:
            while self.state.step or not self._over:  # a last epoch may wait for its validation
                if not self._epoch(stop, task):
                    self.save()
                    return False
        if self.group.first:
            self.log.write_result(self.state, self.device, processes=self.group.size)
        return True

    @property
    def _step_number(self) -> int:
        return self.state.epoch * self.sampler.steps_per_epoch + self.state.step

    @property
    def _over(self) -> bool:
        return self.schedule.done(self._step_number, self.state.seconds) >= 1

    def save(self) -> None:
        """Write the checkpoint."""
        if not self.group.first:
            return
        peak = peak_memory_bytes(self.device)
        self.state.peak_memory_bytes = max(self.state.peak_memory_bytes, peak)
        save_checkpoint(
            self.folder, self.state, self.network, self.optimiser, self.average, self.supervision
        )

    def _epoch(self, stop: threading.Event, task: Task) -> bool:
        state = self.state
        started = saved = time.monotonic()
        self.network.train()
        for image, label in self._batches(state.epoch, state.step):
            self._step(image, label)
            task.advance(note=progress_note(self.state))
            now = time.monotonic()
            spent, started = now - started, now
            state.seconds, stopping = self.group.agreed(state.seconds + spent, stop.is_set())
            if self._over:
                break
            if stopping:
                return False
            if now - saved > _SECONDS_BETWEEN_CHECKPOINTS or spent > _SECONDS_OF_A_LONG_STEP:
                self.save()
                saved = now
        row: dict[str, Any] = {
            "epoch": state.epoch + 1,
            "train_loss": self.state.mean_loss,
            "dice_liver": None,
            "dice_tumour": None,
            "learning_rate": state.learning_rate,
            "skipped_steps": state.skipped,
        }
        last = self._over
        if last or (state.epoch + 1) % self.recipe.training.validate_every == 0:
            try:
                row |= self.keeper.keep(self.network, self.average, state, stop)
            except StoppedError:
                spent = time.monotonic() - started
                state.seconds, _ = self.group.agreed(state.seconds + spent, stop=True)
                return False
        spent = time.monotonic() - started
        state.seconds, stopping = self.group.agreed(state.seconds + spent, stop.is_set())
        state.history.append(row | {"seconds": round(state.seconds, 1)})
        state.epoch, state.step, state.loss_sum, state.skipped = state.epoch + 1, 0, 0.0, 0
        self.save()
        if self.group.first:
            self.log.write(state.history)
        return not stopping or last

    def _batches(self, epoch: int, first: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of the epoch from step `first`; made beside the computing, if on a GPU."""
        steps = range(first, 0 if self._over else self.sampler.steps_per_epoch)
        if self.device.type == "cpu":
            for step in steps:
                yield self.sampler.batch(epoch, step)
            return
        with ThreadPoolExecutor(1) as worker:  # one: the augmenter is seeded for one at a time
            ahead = [worker.submit(self.sampler.batch, epoch, step) for step in steps[:2]]
            for step in steps:
                yield ahead.pop(0).result()
                if step + 2 in steps:
                    ahead.append(worker.submit(self.sampler.batch, epoch, step + 2))

    def _step(self, image: torch.Tensor, label: torch.Tensor) -> None:
        options, state = self.recipe.training, self.state
        number = self._step_number
        state.learning_rate = self.schedule.learning_rate(number, state.seconds)
        for parameters in self.optimiser.param_groups:
            parameters["lr"] = state.learning_rate
        buffers = not_finite.buffers_of(self.network)
        value, norm = self.gradients(image, label)
        state.step += 1
        if not (math.isfinite(value) and math.isfinite(norm)):
            self._skip(image, value, norm, buffers)
            return
        state.loss_sum += value
        state.skipped_in_a_row = 0
        self.optimiser.step()
        if self.average is not None:
            # A young average follows faster, or it would remember the initialisation for long.
            decay = min(options.ema_decay, (1 + number) / (10 + number))
            follow(self.average, self.network, decay)

    def _skip(
        self, image: torch.Tensor, loss: float, norm: float, buffers: list[torch.Tensor]
    ) -> None:
        """Leave the network as it was before the step that was just counted."""
        state = self.state
        not_finite.restore_buffers(self.network, buffers)
        state.skipped += 1
        state.skipped_in_a_row += 1
        cases = self.sampler.cases_of(state.epoch, state.step - 1)
        step = not_finite.Step(state.epoch + 1, state.step, cases, image, loss, norm)
        if state.skipped_in_a_row >= not_finite.MOST_IN_A_ROW:
            mixed = self.recipe.training.mixed_precision and computes_in_bfloat16(self.device)
            raise not_finite.given_up(step, self.network, mixed=mixed)
        self.progress.say(not_finite.notice(step))

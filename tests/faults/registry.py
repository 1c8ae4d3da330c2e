"""All faults, how often each is tried, and its share of the time."""

from __future__ import annotations

from dataclasses import dataclass

from faults import (
    full_disk,
    killed_training,
    killed_writing,
    little_memory,
    lost_helpers,
    no_number,
    spoilt_bytes,
)
from faults.outcomes import Fault

#: Every place of a small file.
EVERY = 10**9


@dataclass(frozen=True)
class Planned:
    """A fault and how often it is tried."""

    title: str
    fault: Fault
    times: int
    few: int  # within `make test`


FAULTS = {
    # A fifth of these kills is by SIGXFSZ: fifty are left by SIGKILL.
    "kill-training": Planned("kill -9 during training", killed_training.killed, 65, 2),
    "kill-command": Planned(
        "kill -9 during training, start of Python included",
        killed_training.killed_with_imports,
        10,
        0,
    ),
    "sigterm": Planned("SIGTERM during training", killed_training.asked_to_end, 20, 1),
    "kill-prediction": Planned("kill -9 during prediction", killed_writing.prediction, 50, 1),
    "kill-preparation": Planned(
        "kill -9 while the cache is written", killed_writing.preparation, 50, 4
    ),
    "kill-trainer": Planned(
        "kill -9 of an experiment's training process", lost_helpers.training_process, 3, 0
    ),
    "lost-case": Planned("a prepared case vanishes under a run", lost_helpers.prepared_case, 10, 1),
    "disk-training": Planned("disk full during training", full_disk.training, 15, 1),
    "disk-prediction": Planned("disk full during prediction", full_disk.prediction, 20, 1),
    "disk-preparation": Planned(
        "disk full while the cache is written", full_disk.preparation, 20, 2
    ),
    "bytes-checkpoint": Planned(
        "a byte of a checkpoint changed, or it is cut there", spoilt_bytes.checkpoint, EVERY, 300
    ),
    "bytes-cache": Planned(
        "a byte of a cache entry changed, or a file cut there", spoilt_bytes.cache_entry, EVERY, 60
    ),
    "bytes-weights": Planned(
        "a byte of weights changed, or they are cut there", spoilt_bytes.weights, 2000, 60
    ),
    "memory-prediction": Planned("memory limit during prediction", little_memory.prediction, 40, 2),
    "memory-training": Planned("memory limit during training", little_memory.training, 30, 2),
    "nan-some": Planned("some steps without a number", no_number.some, 10, 1),
    "nan-all": Planned("no step with a number any more", no_number.all_from, 10, 1),
}

"""Numbers for a monitor, in Prometheus' text format."""

from __future__ import annotations

import shutil
from collections import Counter

from ynet3d import __version__
from ynet3d.serving.folders import JobFolders
from ynet3d.serving.jobs import JobStore


class Counters:
    """What has happened since the server started."""

    def __init__(self) -> None:
        self.uploads: Counter[str] = Counter()

    def upload(self, outcome: str) -> None:
        """Count an upload: "accepted", "refused" or "broken"."""
        self.uploads[outcome] += 1


def metrics_text(store: JobStore, folders: JobFolders, counters: Counters) -> str:
    """Jobs by state, seconds of finished predictions, uploads by outcome, free disk."""
    predictions, seconds = store.prediction_seconds()
    states = store.counts()
    samples: list[tuple[str, str, str, dict[str, float]]] = [
        ("ynet3d_info", "gauge", "The version that runs.", {f'version="{__version__}"': 1}),
        (
            "ynet3d_jobs",
            "gauge",
            "Jobs that are kept, by state.",
            {f'state="{state}"': count for state, count in states.items()},
        ),
        (
            "ynet3d_uploads_total",
            "counter",
            "Uploads since the start, by outcome.",
            {
                f'outcome="{outcome}"': counters.uploads[outcome]
                for outcome in ("accepted", "refused", "broken")
            },
        ),
        (
            "ynet3d_prediction_seconds_sum",
            "gauge",
            "Seconds of the predictions that are kept.",
            {"": round(seconds, 3)},
        ),
        (
            "ynet3d_prediction_seconds_count",
            "gauge",
            "Number of these predictions.",
            {"": predictions},
        ),
        (
            "ynet3d_disk_free_bytes",
            "gauge",
            "Room on the disk of the data.",
            {"": shutil.disk_usage(folders.data).free},
        ),
    ]
    lines = []
    for name, kind, meaning, values in samples:
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        lines += [
            f"{name}{{{labels}}} {value}" if labels else f"{name} {value}"
            for labels, value in values.items()
        ]
    return "\n".join(lines) + "\n"

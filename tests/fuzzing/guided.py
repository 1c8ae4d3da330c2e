"""`python -m fuzzing.guided`: inputs grown by what they reach in our code, with atheris.

Mutation by libFuzzer, which keeps what runs a line or a branch of `ynet3d` that no input ran
before; judged by the same rules as all inputs. For kinds whose one file is plain to look into:
what is packed or has a checksum shows such a search nothing.
"""

from __future__ import annotations

import argparse
import atexit
import json
import pickle
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

KINDS = (
    *("nifti", "nrrd", "metaimage", "dicom-single", "dicom-enhanced", "dicom-seg"),
    *("recipe", "suite", "split"),
)
#: Bytes; longer inputs are slower and reach no more of headers.
_LONGEST = 1 << 15
_MOST_KEPT = 5


def main() -> None:
    """Exit code 1 if an input came to what none may."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing.guided", description=__doc__)
    parser.add_argument("--minutes", type=float, default=18.0, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--out", type=Path, default=Path("fuzz-guided"))
    words = parser.parse_args()
    kinds = words.kind or list(KINDS)
    words.out.mkdir(parents=True, exist_ok=True)
    rows = []
    if not find_spec("atheris"):
        sys.exit("The package atheris is missing: pip install 'ynet3d[fuzz]' (Linux).")
    with tempfile.TemporaryDirectory(prefix="fuzz-guided-") as name:
        seeds = _seeds(Path(name))
        for kind in kinds:
            seconds = 60 * words.minutes / len(kinds)
            rows.append(_explore(kind, seeds, words.out.resolve(), words.seed, seconds))
            print(json.dumps(rows[-1]), flush=True)
    (words.out / "counts.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")
    print("| input class | inputs | results | clear errors | forbidden | kept as new |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(row[key]) for key in _COLUMNS) + " |")
    sys.exit(1 if any(row["forbidden"] for row in rows) else 0)


_COLUMNS = ("kind", "inputs", "results", "refused", "forbidden", "corpus")


def _seeds(folder: Path) -> Path:
    """The valid inputs, made in another process, where nothing is watched yet."""
    file = folder / "seeds"
    script = (
        "import pickle, sys; from pathlib import Path; from fuzzing.seeds import make_seeds; "
        "Path(sys.argv[1]).write_bytes(pickle.dumps(make_seeds()))"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=True)
    return file


def _explore(kind: str, seeds: Path, out: Path, seed: int, seconds: float) -> dict[str, Any]:
    """One kind, in a process of its own; started again where an input killed it."""
    corpus = out / "corpus" / kind
    corpus.mkdir(parents=True, exist_ok=True)
    counts = out / f"{kind}.json"
    counts.unlink(missing_ok=True)
    until = monotonic() + seconds
    deaths = 0
    while (left := until - monotonic()) > 1:
        job = {"kind": kind, "seeds": str(seeds), "out": str(out), "counts": str(counts)}
        words = [str(corpus), f"-max_total_time={left:.0f}", f"-seed={seed + deaths}"]
        words += [f"-max_len={_LONGEST}", "-rss_limit_mb=6000", "-timeout=60", "-verbosity=0"]
        words += [f"-artifact_prefix={out}/{kind}-died-"]
        script = f"from fuzzing.guided import explore; explore({job!r}, {words!r})"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        if done.returncode == 0:
            break
        deaths += 1
        print(f"{kind} died ({done.returncode}): {done.stderr[-600:]}", flush=True)
    found = {"inputs": 0, "results": 0, "refused": 0, "forbidden": 0}
    if counts.is_file():
        found |= json.loads(counts.read_text("utf-8"))
    found["forbidden"] += deaths
    return {"kind": kind, **found, "corpus": len(list(corpus.iterdir()))}


def explore(job: dict[str, str], words: list[str]) -> None:
    """Let libFuzzer make inputs until its time is over; never returns."""
    import atheris

    with atheris.instrument_imports(include=["ynet3d"]):
        from fuzzing import targets, trying
        from fuzzing.case import OUTSIDE, Case
    targets.small_run()  # what checkpoints are held against; imports the rest
    kind, out = job["kind"], Path(job["out"])
    cases = [
        case for case in pickle.loads(Path(job["seeds"]).read_bytes())[kind] if len(case.files) == 1
    ]
    corpus = Path(words[0])
    for number, case in enumerate(cases):
        (content,) = case.files.values()
        (corpus / f"seed-{number}").write_bytes(content)
    (name,) = cases[0].files
    OUTSIDE.write_bytes(b"MM" * 2**16)
    sandbox = Path(tempfile.mkdtemp(prefix="fuzz-"))
    counts = Path(job["counts"])
    total = dict.fromkeys(("inputs", "results", "refused", "forbidden"), 0)
    if counts.is_file():
        total |= json.loads(counts.read_text("utf-8"))
    tester = trying.Tester(sandbox)
    tester.warm_up(cases[0])
    seen: set[str] = set()

    def one(data: bytes) -> None:
        case = Case(kind, {name: data}, cases[0].entry, "guided")
        found = tester.try_case(case)
        total["inputs"] += 1
        if found.outcome in trying.ALLOWED:
            total["results" if found.outcome == trying.RESULT else "refused"] += 1
        else:
            total["forbidden"] += 1
            cause = f"{found.outcome} {found.detail[:60]}"
            if cause not in seen and len(seen) < _MOST_KEPT:
                seen.add(cause)
                case.save(out / f"{kind}-guided-{len(seen)}.zip")
                (out / f"{kind}-guided-{len(seen)}.txt").write_text(found.detail, encoding="utf-8")
        if total["inputs"] % 200 == 1:
            counts.write_text(json.dumps(total), encoding="utf-8")

    atexit.register(lambda: counts.write_text(json.dumps(total), encoding="utf-8"))
    atexit.register(lambda: shutil.rmtree(sandbox, ignore_errors=True))
    atheris.Setup([sys.argv[0], *words], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

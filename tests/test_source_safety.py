"""What the package never does, looked for in its own source, and a prediction without a network."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dicom_files import write_ct_series
from small_runs import AFFINE, save_small_weights, small_scan

import ynet3d

SOURCE = Path(ynet3d.__file__).parent
#: Modules that run what they read, or that speak to a network.
_NEVER_IMPORTED = {
    *("pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "code"),
    *("aiohttp", "ftplib", "smtplib", "telnetlib", "xmlrpc", "boto3"),
    *("socketserver", "http.client", "http.server", "urllib.request", "webbrowser"),
    *("sentry_sdk", "posthog", "wandb", "mlflow", "analytics", "opentelemetry"),
}
#: Of a network, and why: the client that a program calls, the server's own socket, a PACS.
_NETWORK = {
    "httpx": {"serving/client.py"},
    "socket": {"serving/server.py"},
    "requests": {"pacs/fetching.py", "pacs/session.py"},
    "urllib3": {"pacs/session.py"},
    "ssl": {"pacs/connection.py"},
}
#: Which files start a process: workers, benchmarks, and npm, which a person asked for.
_PROCESSES = {
    *("experiments/execution.py", "serving/supervisor.py", "serving/viewer.py"),
    *("benchmarks/startup.py", "benchmarks/whole_case.py", "benchmarks/whole_case_tree.py"),
}
_NEVER_CALLED = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.jit.load"),
    *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle"),
    *("os.execv", "os.execvp", "os.spawnl", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("tempfile.mktemp", "pty.spawn"),
}


def complaints(text: str, name: str) -> Iterator[str]:
    """What a source file has that none may."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imports(node, name)
        elif isinstance(node, ast.Call):
            yield from _calls(node, name)


def _imports(node: ast.Import | ast.ImportFrom, name: str) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        modules = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        modules = [alias.name for alias in node.names]
    for module in modules:
        parts = module.split(".")
        prefixes = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
        for wrong in prefixes & _NEVER_IMPORTED:
            yield f"{name}:{node.lineno} imports {wrong}"
        for known, files in _NETWORK.items():
            if known in prefixes and name not in files:
                yield f"{name}:{node.lineno} imports {known}"
        if "subprocess" in prefixes and name not in _PROCESSES:
            yield f"{name}:{node.lineno} starts processes"


def _calls(node: ast.Call, name: str) -> Iterator[str]:
    called = ast.unparse(node.func)
    words = {word.arg: word.value for word in node.keywords}

    def says(word: str, value: object) -> bool:
        given = words.get(word)
        return isinstance(given, ast.Constant) and given.value is value

    own_file = called == "torch.jit.load" and name == "exporting/torchscript.py"  # just written
    if called in _NEVER_CALLED and not own_file:
        yield f"{name}:{node.lineno} calls {called}"
    if called == "torch.load" and not says("weights_only", True):
        yield f"{name}:{node.lineno} unpickles"
    if called in ("np.load", "numpy.load") and not says("allow_pickle", False):
        yield f"{name}:{node.lineno} does not forbid pickles in {called}"
    if "shell" in words and not says("shell", False):
        yield f"{name}:{node.lineno} starts a shell"
    if says("autoescape", False) or says("verify", False):
        yield f"{name}:{node.lineno} turns a protection off"


def test_source_has_nothing_that_runs_what_it_reads() -> None:
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 200
    found = [
        complaint
        for file in files
        for complaint in complaints(
            file.read_text(encoding="utf-8"), file.relative_to(SOURCE).as_posix()
        )
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import socket",
        "from subprocess import run",
        "eval(text)",
        "yaml.load(text, Loader=yaml.SafeLoader)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "run(words, shell=True)",
        "os.system('ls')",
        "Environment(autoescape=False)",
    ],
)
def test_the_scan_sees_it(line: str) -> None:
    assert list(complaints(line, "x.py"))


_OFFLINE = """
import socket, sys
def refuse(*words, **more):
    raise AssertionError(f"a network call: {words[:1]}")
for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse) if name in dir(socket.socket) else None
socket.getaddrinfo = socket.create_connection = socket.gethostbyname = refuse
def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        print("NETWORK", event, arguments[1:], file=sys.stderr)
    # matplotlib asks fontconfig for fonts when it starts for the first time.
    if event in ("os.system", "subprocess.Popen") and arguments[0] != "fc-list":
        print("STARTED", event, arguments[:2], file=sys.stderr)
sys.addaudithook(watch)
from ynet3d.cli.main import main
main(sys.argv[1:])
"""


def test_prediction_needs_no_network_and_starts_nothing(tmp_path: Path) -> None:
    import subprocess

    weights = save_small_weights(tmp_path / "small.safetensors")
    write_ct_series(tmp_path / "scan", small_scan()[0].array, AFFINE)
    words = ["predict", tmp_path / "scan", "-o", tmp_path / "out", "-w", weights]
    done = subprocess.run(
        [sys.executable, "-c", _OFFLINE, *map(str, words), "--device", "cpu", "--runtime", "torch"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "statistics.json").read_text())["summary"]
    assert "NETWORK" not in done.stderr
    assert "STARTED" not in done.stderr, done.stderr

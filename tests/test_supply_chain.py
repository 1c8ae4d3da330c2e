"""Lock files, bill of materials and audit: that they say what is installed, and nothing of here."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from supply_chain import audit as auditing
from supply_chain.bill import make_bill
from supply_chain.lock import LOCK, REPOSITORY, TORCH_LOCK, Locked, read_lock
from ynet3d.errors import YnetError


def locked() -> dict[str, Locked]:
    packages = [one for path in (LOCK, TORCH_LOCK) for one in read_lock(path.read_text("utf-8"))]
    return {canonicalize_name(one.name): one for one in packages}


def wanted(project: dict[str, Any]) -> list[Requirement]:
    """What `ynet3d[all]` asks for itself."""
    extras = project["optional-dependencies"]
    own = Requirement(extras["all"][0])
    words = [*project["dependencies"], *(word for name in own.extras for word in extras[name])]
    return [Requirement(word) for word in words]


def test_all_that_is_asked_for_is_locked() -> None:
    packages = locked()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    asked = wanted(project)
    assert len(asked) > 30
    for requirement in asked:
        name = canonicalize_name(requirement.name)
        assert name in packages, f"{name}: run `make lock`"
        assert packages[name].version in requirement.specifier, name
    for line in (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines():
        pin = re.fullmatch(r"([^#=\s]+)==(\S+)", line)
        if pin and canonicalize_name(pin[1]) in packages:
            assert packages[canonicalize_name(pin[1])].version == pin[2], pin[1]


def test_what_locked_packages_need_is_locked_too() -> None:
    packages = locked()
    for name in packages:
        try:
            needed = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform
        for requirement in map(Requirement, needed):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in packages, (name, requirement)


def test_locks_say_nothing_of_a_machine_or_an_index() -> None:
    for path in (LOCK, TORCH_LOCK):
        text = path.read_text("utf-8")
        assert not re.search(r"://|file:|^-|index-url|find-links|(^| )/", text, re.MULTILINE)
        assert all(len(set(one.hashes)) == len(one.hashes) > 0 for one in read_lock(text))
    assert "+cpu" not in TORCH_LOCK.read_text("utf-8")
    assert not {"torch", "triton"} & {one.name for one in read_lock(LOCK.read_text("utf-8"))}


@pytest.mark.parametrize(
    "line", ["torch>=2", "torch==2", "torch==2 --hash=md5:12", "-r other", "x @ file:///x"]
)
def test_what_is_no_lock(line: str) -> None:
    with pytest.raises(YnetError, match="no entry of a lock"):
        read_lock(line)


def test_the_bill_is_what_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx_py")
    bill = make_bill(tmp_path / "bill.json")
    assert json.loads((tmp_path / "bill.json").read_text("utf-8")) == bill
    assert bill["bomFormat"] == "CycloneDX"
    listed = {canonicalize_name(one["name"]): one["version"] for one in bill["components"]}
    # Not by sys.path: setuptools, once imported, puts packages of its own there.
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    installed = {
        canonicalize_name(one.metadata["Name"]): one.version
        for one in importlib.metadata.distributions(path=sorted(folders))
    }
    assert listed == installed
    assert bill["metadata"]["component"]["name"] == "ynet3d"
    licensed = sum("licenses" in one for one in bill["components"])
    assert licensed > 0.9 * len(listed)
    text = json.dumps(bill)
    assert "file:" not in text
    assert str(REPOSITORY) not in text
    assert str(Path.home()) not in text


def answered(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": [{"name": "a", "version": "1"} | one for one in packages]})


HOLE = {"id": "CVE-2099-1", "fix_versions": ["2"]}


@pytest.mark.parametrize(
    ("said", "outcome", "words"),
    [
        (answered({"vulns": []}, {"vulns": []}), 0, "0 known vulnerabilities in 2 packages"),
        (answered({"vulns": [HOLE]}), 1, "a 1: CVE-2099-1, mended in 2"),
        # pip-audit ends with 0 and "No known vulnerabilities found" where it was told nothing.
        (answered({"skip_reason": "not found"}), auditing.UNREACHABLE, "NOT AUDITED"),
        (answered({"vulns": []}, {"skip_reason": "x"}), auditing.UNREACHABLE, "NOT AUDITED"),
        (answered({"vulns": [HOLE]}, {"skip_reason": "x"}), 1, "CVE-2099-1"),
        ("", auditing.UNREACHABLE, "NOT AUDITED"),
    ],
)
def test_an_audit_that_could_not_ask_says_so(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    said: str,
    outcome: int,
    words: str,
) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert "requirements.lock" in command
        return subprocess.CompletedProcess(command, 0, said, "ConnectionError: no route")

    monkeypatch.setattr(auditing.subprocess, "run", run)
    assert auditing.audit() == outcome
    assert words in capsys.readouterr().out

# The two commands that matter: `make demo` and `make test`. Each makes .venv and installs into it.
PYTHON ?= python3
BIN := .venv/bin
DATA ?= ../shared/data
DEMO ?=

.PHONY: demo test test-slow viewer lint real experiment bench load fuzz fuzz-guided faults lock sbom audit install clean

demo: install
	$(BIN)/ynet3d demo --out demo $(DEMO)

test: install viewer
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

# The server's page needs NiiVue, which npm fetches once. Without npm its tests are skipped.
viewer: install
	-$(BIN)/ynet3d serve --fetch-viewer

# Ray is not among what `make install` installs: its one test is here.
test-slow: install viewer
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[ray]"
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The main job on real CT, which is not part of this repository.
real: install
	@if [ -d "$(DATA)/lits_subset" ]; then $(BIN)/ynet3d real "$(DATA)" --out real; \
	else echo "make real: skipped, there is no real CT at $(DATA) (set DATA=...)."; fi

# The paper's comparison and the ablations on phantoms: the same commands as for LiTS.
experiment: install
	$(BIN)/ynet3d phantom experiment/phantoms --cases 36 --seed 7000 --matrix 128 --tumours 3
	test -f experiment/split.yaml || $(BIN)/ynet3d data split experiment/phantoms --ratio 24/4/8 -o experiment/split.yaml
	$(BIN)/ynet3d experiment experiment/phantoms -o experiment/results --split experiment/split.yaml \
		--suite paper --suite ablation --recipe experiment-phantoms --jobs 2

# Spoilt files of every kind through every reader, for 20 minutes at most: docs/reliability.md.
FUZZ ?= --inputs 12000 --minutes 20 --jobs 2
fuzz: install
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m fuzzing run --out fuzz $(FUZZ)

# The same judges, inputs grown by what they reach in our code: atheris (Linux), which is not among what `make install` installs.
GUIDED ?= --minutes 18
fuzz-guided: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[fuzz]"
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m fuzzing.guided --out fuzz-guided $(GUIDED)

# Kills, full disks, spoilt bytes, little memory, for 20 minutes at most: docs/reliability.md.
FAULTS ?= --minutes 20
faults: install
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m faults run --out faults $(FAULTS)

# This machine's ceilings, and this software against them: under 30 minutes on two cores.
bench: install
	$(BIN)/ynet3d bench --out bench

# `ynet3d serve` under questions, thousands of jobs, half requests and attacks: five minutes or so.
LOAD ?=
load: install
	$(BIN)/python -m benchmarks.load --out load $(LOAD)

# What we install is locked by hash, listed, and held against known vulnerabilities: docs/supply-chain.md.
lock: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(BIN)/python -m supply_chain lock

sbom: install
	$(BIN)/python -m supply_chain bill --out sbom/ynet3d.cdx.json

audit: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip-audit
	$(BIN)/python -m supply_chain audit

install: .venv/.installed

# torch comes first and by its pinned version: other packages must not pull another build of it.
.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all,dev]"
	touch $@

clean:
	rm -rf .venv bench demo faults fuzz fuzz-guided load sbom real experiment build src/*.egg-info

# Every target installs what it needs: a fresh machine needs Python 3.11 with venv, make and a package index.
PYTHON ?= python3.11
PY := .venv/bin/python
PORT ?= 8501

.PHONY: app test test-cluster check bench load pacs pictures weights setup clean

app: setup  ## start the dashboard on localhost and print its address
	$(PY) -m streamlit run dashboard/app.py --server.port $(PORT)

# The test networks are so small that two processes with one thread each are faster than one process with two threads.
test: setup  ## the whole suite
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile

test-cluster: setup  ## a run over films on a real Ray cluster of two nodes, one of which is killed
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-cluster.txt
	LIGHTBOX_CLUSTER=1 OMP_NUM_THREADS=1 $(PY) -m pytest -q tests/cohort/test_cluster.py

check: setup  ## style, types, import direction; every warning is an error
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

bench: setup  ## JSON: costs as multiples of one bare forward pass
	$(PY) -m core bench --training

load: setup  ## what 20 people at once wait for, and what one film costs the server
	$(PY) -m tests.load 20 3

pacs: setup  ## start the dashboard beside an Orthanc with drawn studies (Debian: orthanc orthanc-dicomweb dcmtk)
	$(PY) -m tests.pacs.orthanc --server.port $(PORT)

pictures: setup  ## retake the pictures of README, guide and first page: each page with the phantom on it, each case
	LIGHTBOX_PICTURES=dashboard/guide/pictures $(PY) -m pytest -q tests/browser/test_app.py -k "screenshot and 1440"
	LIGHTBOX_PICTURES=dashboard/cases $(PY) -m pytest -q tests/image/test_cases.py -k picture

# Trains the models of weights/ and the EfficientNets, each by its recipe, into OUT; the same command resumes a killed
# run. The cards give the seconds: 10 h in total on two cores. densenet121-base and the -first models are not shipped.
OUT ?= build/weights
CXR ?= ../shared/cxr
ADULTS ?= ../shared/cxr-adults
TRAIN = $(PY) -m core train --runs $(OUT)/runs --out $(OUT) --data $(CXR)
weights: setup  ## trains the shipped networks anew; hours
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-train.txt
	set -e; for name in lungs-unet devices-unet small-cnn resnet50 inception-v3 vgg16 densenet121-base densenet121-plain \
		densenet121-lungs-first densenet121-lungs; do $(TRAIN) --recipe weights/recipes/$$name.toml; done
	set -e; for name in efficientnet-lite0 efficientnet-lite0-lungs; do \
		$(TRAIN) --data $(ADULTS) --recipe weights/recipes/$$name.toml; done

setup: .venv/ready

.venv/ready: requirements.txt Makefile
	$(PYTHON) -m venv .venv || python3 -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@# Peers for tests and the bench. They require opencv-python, whose files would replace those of the headless build
	@# and need libGL, which a server lacks; requirements.txt has their other dependencies.
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps "grad-cam>=1.5.7,<1.6" "quantus>=0.6,<0.7"
	touch $@

clean:  ## what was built, not what was trained
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

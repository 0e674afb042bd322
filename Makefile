# Two commands matter: `make demo` and `make test`. Both do all their own set-up.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
DEMO := demo

# What a fresh Debian 12 lacks: a C compiler and libclang (bindings), the libraries of FFmpeg, OpenCV
# and Tesseract (with the languages of the phrase lists), GStreamer and Pango with the fonts of remixes, and for
# the made LIVE and the tests the ffmpeg command, a speech synthesiser, a font, a browser, a NATS
# server and a tracer of system calls.
PACKAGES := build-essential cmake pkg-config clang libclang-dev \
	libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswresample-dev libswscale-dev \
	libopencv-dev opencv-data libtesseract-dev \
	tesseract-ocr tesseract-ocr-eng tesseract-ocr-ind tesseract-ocr-vie tesseract-ocr-tha \
	ffmpeg espeak-ng fonts-dejavu-core chromium nats-server strace python3-venv \
	libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libpango1.0-dev \
	gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
	gstreamer1.0-libav fonts-lato fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji
# An S3 server that keeps conditional writes, for the tests alone.
MOTO := $(TARGET)/moto/5.2.1
# What drives the API by its own description, for the tests alone.
SCHEMATHESIS := $(TARGET)/schemathesis/4.32.5

.PHONY: all setup build demo test fuzz chaos cuts bench eval eval-checks lint fmt docs clean

all: build

## setup: install the Debian packages that are missing
setup:
	@command -v $(CARGO) >/dev/null || { echo "Rust is missing: install it from https://rustup.rs"; exit 69; }
	@missing=""; for p in $(PACKAGES); do \
		dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing:$$missing"; \
		sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing; \
	fi

## build: everything, in the one profile that demo, tests and lints share
build: setup
	$(CARGO) build --workspace --bins

## demo: make a small LIVE and run the whole job on it
demo: build
	$(TARGET)/debug/reprise-fixtures make $(TARGET)/fixture
	$(TARGET)/debug/reprise run $(TARGET)/fixture/session.toml --out $(DEMO)
	@echo
	@echo "The report:  $(CURDIR)/$(DEMO)/friday-show/fixture-evening/report.html"
	@echo "The clips:   $(CURDIR)/$(DEMO)/friday-show/fixture-evening/clips/"

## test: all tests; those that need ../shared say so and are skipped where it is absent
test: build $(MOTO)/bin/moto_server $(SCHEMATHESIS)/bin/schemathesis
	OMP_THREAD_LIMIT=1 REPRISE_MOTO=$(abspath $(MOTO))/bin/moto_server \
	REPRISE_SCHEMATHESIS=$(abspath $(SCHEMATHESIS))/bin/schemathesis $(CARGO) test --workspace --no-fail-fast

$(MOTO)/bin/moto_server: | setup
	python3 -m venv $(MOTO)
	$(MOTO)/bin/pip install --quiet --disable-pip-version-check 'moto[s3,server]==$(notdir $(MOTO))'

$(SCHEMATHESIS)/bin/schemathesis: | setup
	python3 -m venv $(SCHEMATHESIS)
	$(SCHEMATHESIS)/bin/pip install --quiet --disable-pip-version-check schemathesis==$(notdir $(SCHEMATHESIS))

## fuzz: every hostile file, 10,000 mutated recordings, every parser of ours; `make test` does a part
fuzz: build
	REPRISE_BIN=$(abspath $(TARGET))/debug/reprise $(TARGET)/debug/reprise-fuzz

## chaos: 500 kills, 200 stops past the lease, servers that die and a store that fails, over many jobs
chaos: build $(MOTO)/bin/moto_server
	REPRISE_CHAOS=all $(CARGO) test --workspace --test chaos -- --nocapture --test-threads 1

## cuts: 500 smart cuts at random points, each picture held against the recording's
cuts: setup
	REPRISE_CUTS=500 $(CARGO) test -p reprise-tests --test smart_cut -- --nocapture

## bench: Reprise beside what a user would script; writes benches/RESULTS.md
bench: setup
	$(CARGO) build --release --workspace --bins
	$(TARGET)/release/reprise-fixtures make $(TARGET)/fixture
	$(TARGET)/release/reprise-benches

## eval: the segmenter against simulated LIVEs with known causes; writes benches/EVAL.md
eval: setup
	$(CARGO) build --release -p reprise-benches
	$(TARGET)/release/reprise-benches eval

## eval-checks: the checks against material with known truth in ../shared, and what they cost
EVALUATED := ../shared/lives/real-footage-10min/live.flv ../shared/lives/real-footage-clean/live.flv
eval-checks: build
	$(CARGO) build --workspace --examples
	$(CARGO) test --workspace --test codes --test marks --test listen --test said -- --nocapture
	for live in $(EVALUATED); do $(TARGET)/debug/examples/codes $$live || exit 1; done
	$(TARGET)/debug/examples/products ../shared
	$(TARGET)/debug/examples/quality
	REPRISE_VOICE_ACTIVITY=../shared/models/for-tests-silero-v6.2.0-ggml.bin \
		REPRISE_WHISPER=../shared/models/for-tests-ggml-tiny.bin \
		$(TARGET)/debug/examples/listen ../shared/data/speech/*.wav ../shared/data/noise/*.wav
	$(TARGET)/debug/reprise-benches eval-checks ../shared/lives

## lint: format, clippy without warnings, documentation without warnings
lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

## fmt: format everything
fmt:
	$(CARGO) fmt --all

## docs: the documentation of all crates
docs: setup
	$(CARGO) doc --workspace --no-deps

clean:
	$(CARGO) clean
	rm -rf $(DEMO)

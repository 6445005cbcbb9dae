# The commands README.md names. Everything is built into one cache, shared by demo, tests and CI.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/weir-target
# Where rustup puts cargo: a shell that is no login shell does not look there.
export PATH := $(PATH):$(HOME)/.cargo/bin
WEIR_DEMO = $(CARGO_TARGET_DIR)/demo/weir

.PHONY: demo demo-binary release test lint ui setup

setup:
	@scripts/setup

ui: setup
	@scripts/build-ui

demo: demo-binary
	$(WEIR_DEMO) demo $(ARGS)

demo-binary: ui
	cargo build --locked --profile demo --package weir-daemon

release: ui
	cargo build --locked --release --package weir-daemon

test:
	@scripts/setup --tests
	@scripts/build-ui
	scripts/test

lint:
	@scripts/setup --lint
	scripts/lint

# The front door. Each target first installs what is missing (scripts/deps), then builds and runs.

.DEFAULT_GOAL := release
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local

.PHONY: release demo test check bench sim sim-can-fail asan tsan install format check-format lint clean help deps

release: deps ## build the optimised binary: build/release/bin/agentcmd (plain `make`)
	@scripts/build release product

demo: release ## run a workflow on a small git project, without key or network
	@scripts/demo

test: deps ## build for development and run all tests
	@scripts/build dev
	@scripts/test dev

check: ## what CI runs: tests, formatting, lint, sanitizers
	@bash .ci/run

bench: release ## print the table of measured figures
	@bench/run

SEEDS ?= 2000
sim: deps ## simulated runs with faults: SEEDS=n of them, or SEED=n alone with its trace
	@scripts/build dev simulate
	@build/dev/bin/simulate $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

sim-can-fail: deps ## how many of SEEDS simulated runs notice each rule that is broken on purpose
	@scripts/build dev simulate
	@build/dev/bin/simulate --seeds $(SEEDS) --can-fail

asan: deps ## tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/build asan
	@scripts/test asan

tsan: deps ## tests under ThreadSanitizer
	@scripts/build tsan
	@scripts/test tsan

install: release ## install below PREFIX (default /usr/local), staged by DESTDIR
	@cmake --install build/release --prefix "$(PREFIX)"

format: deps ## format all C and C++ files
	@scripts/sources | xargs clang-format-19 -i

check-format: deps ## fail where formatting would change a file
	@scripts/sources | xargs clang-format-19 --dry-run -Werror

lint: deps ## clang-tidy over all files (slow; scripts/lint FILE for one)
	@scripts/build dev
	@scripts/lint --all

clean: ## remove everything that was built
	@rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | \
	  while IFS='|' read -r target text; do printf '  make %-13s %s\n' "$$target" "$$text"; done

deps:
	@scripts/deps --quiet

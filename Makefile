# `make run` and `make test` are all a newcomer needs; both set up everything else.
.DEFAULT_GOAL := help
# Tests wait as well as they compute; more than six at once would be browsers in each other's way.
jobs := $(shell n=$$(nproc); echo $$((n < 5 ? n + 1 : 6)))
.PHONY: help run test lint sanitize fuzz bench build package install format clean

help: ## show this
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

run: ## build, make the demo models and start a server with three models
	@./sarai demo

test: ## build and run every test (a part: make test ARGS='-L unit', ARGS='-R unit_pool')
	@scripts/toolbox run test -- scripts/build dev
	@scripts/toolbox run test -- ctest --test-dir build/dev --output-on-failure --no-tests=error -j$(jobs) $(ARGS)

lint: ## formatting and clang-tidy, as CI checks them
	@scripts/toolbox run test -- scripts/lint

sanitize: ## unit and integration tests, and the fuzz corpus, under the address and thread sanitizers
	@for preset in asan tsan; do \
	   scripts/toolbox run test -- scripts/build $$preset && \
	   scripts/toolbox run test -- ctest --test-dir build/$$preset --output-on-failure --no-tests=error -j$(jobs) -L 'unit|integration|fuzz' $(ARGS) || exit 1; \
	 done

fuzz: ## fuzz every parser for a minute (one for longer: make fuzz ARGS='openai_stream --seconds 600')
	@scripts/toolbox run test -- fuzz/run $(ARGS)

bench: ## run the benchmarks (release build); prints ratios against named baselines
	@scripts/toolbox run test -- scripts/build release
	@scripts/toolbox run test -- bench/run $(ARGS)

build: ## build what users run
	@scripts/toolbox run build -- scripts/build release

package: ## make a tarball and a Debian package that run on older systems too (build/packages)
	@scripts/toolbox run test -- scripts/build release sarai sarai-launcher
	@scripts/toolbox run test -- scripts/package all build/packages

install: ## install what users run (PREFIX=/usr/local SYSCONFDIR=/etc DESTDIR= SUDO=)
	@scripts/toolbox run build -- scripts/build release sarai sarai-launcher
	@rm -rf build/install
	@scripts/toolbox run build -- scripts/package tree build/install
	@$(SUDO) env DESTDIR='$(DESTDIR)' PREFIX='$(or $(PREFIX),/usr/local)' SYSCONFDIR='$(or $(SYSCONFDIR),/etc)' scripts/install build/install

format: ## format the sources in place
	@scripts/toolbox run test -- scripts/lint --fix

clean: ## remove the builds (the toolbox stays: scripts/toolbox clean)
	rm -rf build

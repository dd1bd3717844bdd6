# Each target is what a person would type. `make demo` and `make test` need only the toolchains (`make test`
# installs what else it needs: see `make setup`):
# cargo, cc, python3, node + npm, go.

# What `make conformance` runs: files or directories of vectors, the host's runner, the guest language.
VECTORS = tests/conformance
HOST = rust
GUEST = luau
HOSTS = $(if $(filter all,$(HOST)),rust cpp go node python aio,$(HOST))
GUESTS = $(if $(filter all,$(GUEST)),luau js,$(GUEST))

# What `make fuzz` shares out among its targets.
SECONDS = 600

# How many objects `make scale` makes.
OBJECTS = 100000

.PHONY: help setup demo demo-rust test lint api conformance fuzz crash overrun header dist install bench scale figures guard

help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Checks the toolchains and installs what tests need beside them
	@tests/setup.sh

demo: ## Runs the same small platform from Rust, C, C++, Go, Python and Node
	@tests/demo.sh

demo-rust:
	cargo run --release --quiet --package platform -- "$(DATA)" first
	cargo run --release --quiet --package platform -- "$(DATA)" second
	cargo run --release --quiet --package platform --bin app-platform -- "$(DATA)"
	cargo run --release --quiet --package platform --bin app-platform -- "$(DATA)"

test: setup ## Runs every test: what CI runs
	python3 tests/features.py
	cargo test --release
	$(MAKE) -C bindings-c --jobs=2 --output-sync=target test
	$(MAKE) -C bindings-python test
	$(MAKE) -C bindings-node test
	tests/symbols.sh
	$(MAKE) api
	$(MAKE) conformance HOST=all GUEST=all
	$(MAKE) conformance GUEST=all VECTORS=tests/conformance/attacks
	$(MAKE) fuzz SECONDS=20
	$(MAKE) -C benches check
	$(MAKE) guard

lint: ## Checks formatting and the lints
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	# Core without JavaScript, its default.
	cargo clippy --release --package facetbox --all-targets -- -D warnings

api: ## Compares what each language offers with tests/surface.toml
	python3 tests/api.py

conformance: ## Runs conformance vectors: [VECTORS=paths] [HOST=rust|cpp|go|node|python|aio|all] [GUEST=luau|js|all]
	$(if $(filter node,$(HOSTS)),$(MAKE) -C bindings-node build)
	$(if $(filter python aio,$(HOSTS)),$(MAKE) -C bindings-python build)
	$(if $(filter cpp go,$(HOSTS)),$(MAKE) -C bindings-c build-cases)
	for host in $(HOSTS); do for guest in $(GUESTS); do for vectors in $(VECTORS); do \
		cargo run --release --quiet --package facetbox-tests --bin conformance -- \
			--host $$host --guest $$guest $$vectors || exit 1; \
	done; done; done

fuzz: ## Throws mutated inputs at everything that reads what others wrote: [SECONDS=600]
	cargo run --release --quiet --package facetbox-tests --bin fuzz -- run $(SECONDS)
	$(MAKE) -C bindings-c fuzz SECONDS=$$(($(SECONDS) / 6))

overrun: ## Measures how far native functions of guests run past the limit of CPU time
	cargo run --release --quiet --package facetbox-tests --bin overrun

crash: ## Kills, cuts the power of and fails writing processes for about ten minutes
	cargo build --release --package facetbox-tests --bin crash
	target/release/crash kills 1000
	target/release/crash cuts 40
	target/release/crash relaxed 20
	target/release/crash faults 8

header: ## Generates include/facetbox.h
	$(MAKE) -C bindings-c header

dist: ## Packs the packages into dist/
	$(MAKE) -C bindings-c dist
	$(MAKE) -C bindings-node dist
	$(MAKE) -C bindings-python dist

install: ## Installs the C library into [DESTDIR] [PREFIX=/usr/local]
	$(MAKE) -C bindings-c install

bench: ## Measures every host beside workerd and the floors: [ONLY=part of a name]
	$(MAKE) -C benches bench ONLY="$(ONLY)"

scale: ## Measures how costs grow with objects, facets and bytes: [OBJECTS=100000]
	cargo run --release --quiet --package facetbox-benches --bin scale -- $(OBJECTS)

figures: ## Puts what bench and scale have measured into docs/performance.md
	python3 benches/figures.py

guard: ## Counts the instructions of hot paths and compares them with benches/budgets.toml: [UPDATE=1] [ONLY=part of a name]
	cargo run --release --quiet --package facetbox-benches --bin guard -- $(if $(UPDATE),update,$(if $(ONLY),only "$(ONLY)"))

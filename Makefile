# The common jobs by short names; the build itself is Meson's (meson.build). Every target installs
# the Debian packages that it needs when they are missing (tools/install-deps).

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
SECONDS ?= 60
FUZZ    ?=
MINUTES ?= 60
# Of `make lint`: all files, or only those that differ from this commit.
SINCE   ?=

# Options for every build folder, e.g. MESON_OPTIONS=-Dwerror=true.
MESON_OPTIONS ?=

# ninja's errors whole, and nothing when there is nothing to do.
SHELL      := bash
.SHELLFLAGS := -o pipefail -c
ninja      = ninja --quiet -C $(BUILD)$(1) $(2) | sed '/^ninja: no work to do\.$$/d'
# Tests wait more than they work: three times as many at a time as there are processors. Unit tests
# alone, with sanitizers or another compiler, wait less.
MESON_TEST := --no-rebuild --print-errorlogs --num-processes $(shell expr 3 \* $$(nproc))
MESON_UNIT := --no-rebuild --print-errorlogs --num-processes $(shell expr 2 \* $$(nproc))
SANITIZE   := -Db_sanitize=address,undefined -Db_lundef=false -Ddefault_library=static -Doptimization=1
export ASAN_OPTIONS  ?= detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1
export DESTDIR

.PHONY: all help demo test test-web test-fleet check-sanitizers run-sanitizers install package test-package bench bench-sessions bench-http bench-fleet bench-peers accuracy soak soak-hour fuzz fuzz-coverage format lint analyze valgrind check-threads coverage site clean
.DELETE_ON_ERROR:

all: $(BUILD)/build.ninja ## build the program and the library (default)
	@$(call ninja,)
	@echo "built: $(BUILD)/mailknock"

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

demo: all ## see 200 addresses verified through every layer, on this machine only
	@$(BUILD)/mailknock demo

# Test runs that fail don't stop the next; the summary tells, and its exit status counts.
test: $(BUILD)/.with-tests ## every test: unit, end to end, against real servers; unit with sanitizers
	@rm -f $(BUILD)/meson-logs/testlog.json $(BUILD)-sanitize/meson-logs/testlog.json
	@$(call ninja,)
	@meson test -C $(BUILD) $(MESON_TEST) || true
	@$(MAKE) --no-print-directory run-sanitizers || true
	@tools/test-summary $(BUILD) $(BUILD)-sanitize

test-web: $(BUILD)/.with-tests .deps/web tests/web/node_modules ## the page in Chromium, with screenshots
	@$(call ninja,)
	@meson test -C $(BUILD) $(MESON_TEST) --suite web
	@echo "screenshots: $(BUILD)/tests/web"

# ROWS, KILLS, SEED: as tests/fleet/fleet_test.py takes them.
test-fleet: $(BUILD)/.with-tests ## 200,000 rows by four workers on PostgreSQL, with kills and restarts (20 minutes)
	@$(call ninja,)
	@MK_SOURCE_ROOT='$(CURDIR)' MK_SKEW='$(abspath $(BUILD))/tests/skew.so' python3 \
	    tests/fleet/fleet_test.py $(BUILD)/mailknock $(or $(ROWS),200000) $(or $(KILLS),40) $(SEED)

check-sanitizers: run-sanitizers ## unit tests by clang with AddressSanitizer and UBSan
	@tools/test-summary $(BUILD)-sanitize
run-sanitizers: $(BUILD)-sanitize/build.ninja
	@rm -f $(BUILD)-sanitize/meson-logs/testlog.json
	@$(call ninja,-sanitize)
	@meson test -C $(BUILD)-sanitize $(MESON_UNIT) --suite unit --no-suite slow -t 4 || true

install: $(BUILD)-install/build.ninja ## optimised build, installed below DESTDIR and PREFIX
	@test "$$(cat $(BUILD)-install/.prefix 2>&1)" = '$(abspath $(PREFIX))' || { \
	    $(call setup,-install,--reconfigure --prefix='$(abspath $(PREFIX))'); \
	    echo '$(abspath $(PREFIX))' > $(BUILD)-install/.prefix; }
	@$(call ninja,-install)
	@meson install -C $(BUILD)-install --no-rebuild --quiet
	@echo "installed below $(DESTDIR)$(abspath $(PREFIX))"

package: .deps/build .deps/package ## Debian packages of what is committed
	@tools/build-package $(BUILD)/package

test-package: package .deps/test ## the packages checked, installed on a view of this machine, run, removed
	@python3 tests/package/package_test.py $(BUILD)/package

soak: $(BUILD)/.with-tests ## random worlds with faults, on the virtual clock, until stopped
	@ninja --quiet -C $(BUILD) tests/test-soak
	@$(BUILD)/tests/test-soak --seeds 0 --seed $${SEED:-1}

soak-hour: all .deps/test ## a service under load on real sockets for MINUTES (60): is it flat, is nothing lost
	@tests/soak/service_soak.py $(BUILD)/mailknock --minutes $(MINUTES) --samples $(BUILD)/soak-hour.tsv

bench: $(BUILD)-bench/build.ninja ## figures of the hot paths
	@tools/run-benches $(BUILD)-bench

bench-sessions: $(BUILD)-bench/build.ninja ## 50,000 sessions open at once in one process, virtual and real
	@tools/run-benches $(BUILD)-bench sessions

bench-http: $(BUILD)-bench/build.ninja .deps/test ## figures of the service: checks from memory, a list beside, listeners, an upload
	@ninja --quiet -C $(BUILD)-bench mailknock bench/bench-hello
	@tools/bench-http $(BUILD)-bench

bench-fleet: $(BUILD)-bench/build.ninja .deps/test ## figures of a shared store: rows a second with 1, 2, 4 workers, beside bare SQL
	@ninja --quiet -C $(BUILD)-bench mailknock
	@python3 bench/claims.py $(BUILD)-bench/mailknock $(ROWS) || { status=$$?; [ $$status -eq 77 ] || exit $$status; }

bench-peers: $(BUILD)-bench/build.ninja ## the same list by other verifiers from npm (needs root and npm)
	@ninja --quiet -C $(BUILD)-bench mailknock bench/sink-server
	@bench/peers/run $(BUILD)-bench || { status=$$?; [ $$status -eq 77 ] || exit $$status; }

# PEERS=yes: verifiers from npm too, ten minutes more. ACCURACY: more options of bench/accuracy/run.
accuracy: all .deps/test ## how right verdicts are, where the truth is known (PEERS=yes: other verifiers too)
	@bench/accuracy/run $(BUILD) $(if $(PEERS),--peers) $(ACCURACY)

fuzz: $(BUILD)-fuzz/build.ninja ## fuzz every parser SECONDS seconds (FUZZ=name: that one)
	@$(call ninja,-fuzz)
	@tools/run-fuzzers $(BUILD)-fuzz $(SECONDS) $(FUZZ)

# CORPUS: what `make fuzz` has found, too (build-fuzz/corpus); empty: seeds alone.
CORPUS ?= $(wildcard $(BUILD)-fuzz/corpus)
fuzz-coverage: $(BUILD)-fuzzcov/build.ninja ## lines of each parser that its fuzzer's seeds and findings reach
	@$(call ninja,-fuzzcov,fuzzers)
	@tools/fuzz-coverage $(BUILD)-fuzzcov $(CORPUS)

format: .deps/lint ## format all C sources
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

lint: .deps/lint $(BUILD)/build.ninja ## format, layers, clang-tidy, cppcheck, shellcheck (SINCE=COMMIT: what changed)
	@tools/lint $(BUILD) $(SINCE)

# Also a file at a time: UNITS='src/dns/*.c'.
analyze: .deps/lint $(BUILD)/build.ninja ## gcc's -fanalyzer over all units (minutes)
	@tools/analyze $(BUILD) $(UNITS)

valgrind: $(BUILD)/.with-tests .deps/lint ## unit tests under memcheck (minutes; TEST=name: that one)
	@$(call ninja,)
	@tools/run-valgrind $(BUILD) $(TEST)

check-threads: $(BUILD)-threads/build.ninja ## unit tests of what has threads, with ThreadSanitizer
	@$(call ninja,-threads)
	@meson test -C $(BUILD)-threads $(MESON_TEST) -t 4 http-client service-courier io-loop io-stream

coverage: .deps/lint $(BUILD)-coverage/build.ninja ## lines and branches of rings 0, 1 and 3 that tests reach
	@$(call ninja,-coverage)
	@meson test -C $(BUILD)-coverage $(MESON_TEST) --suite unit -t 3 || true
	@meson test -C $(BUILD)-coverage $(MESON_TEST) -t 3 formats clean || true
	@tools/coverage $(BUILD)-coverage

site: .deps/doc ## the documentation as a site: build/site/index.html
	@tools/build-site $(BUILD)

clean: ## remove everything that was built
	rm -rf $(addprefix $(BUILD),'' -sanitize -threads -install -bench -fuzz -fuzzcov -coverage) .deps

# --- build folders, made once ---------------------------------------------------------------

# $(call setup,folder suffix,options): what Meson has to say is shown only when it fails.
setup = said=$$(meson setup $(BUILD)$(1) $(2) $(MESON_OPTIONS) 2>&1) || { echo "$$said"; exit 1; }

$(BUILD)/build.ninja: | .deps/build
	@$(call setup,,-Dtests=false)
# The same folder, tests too: `make` alone needs neither their packages nor their time.
$(BUILD)/.with-tests: | $(BUILD)/build.ninja .deps/test
	@meson configure $(BUILD) -Dtests=true && touch $@
# By the other compiler, so that its warnings and its code are looked at too.
$(BUILD)-sanitize/build.ninja: | .deps/build .deps/test
	@export CC=clang; $(call setup,-sanitize,$(SANITIZE))
$(BUILD)-install/build.ninja: | .deps/build
	@$(call setup,-install,--prefix='$(abspath $(PREFIX))' --buildtype=release -Db_lto=true -Dtests=false)
	@echo '$(abspath $(PREFIX))' > $(BUILD)-install/.prefix
$(BUILD)-threads/build.ninja: | .deps/build .deps/test
	@$(call setup,-threads,-Db_sanitize=thread -Db_lundef=false -Ddefault_library=static)
$(BUILD)-bench/build.ninja: | .deps/build
	@$(call setup,-bench,--buildtype=release -Db_lto=true -Dtests=false)
$(BUILD)-fuzz/build.ninja: | .deps/build .deps/test
	@export CC=clang; $(call setup,-fuzz,$(SANITIZE) -Dfuzz=true -Dtests=false)
# Without the sanitizers, whose programs can't be linked with a coverage of their own.
$(BUILD)-fuzzcov/build.ninja: | .deps/build .deps/test
	@export CC=clang; $(call setup,-fuzzcov,-Dfuzz=true -Dtests=false -Ddefault_library=static -Db_lundef=false \
	    -Dc_args='-fprofile-instr-generate -fcoverage-mapping' -Dc_link_args=-fprofile-instr-generate)
$(BUILD)-coverage/build.ninja: | .deps/build .deps/test
	@$(call setup,-coverage,-Db_coverage=true --buildtype=debug)

# --- packages -------------------------------------------------------------------------------

tests/web/node_modules: tests/web/package.json | .deps/web
	@said=$$(cd tests/web && npm install --no-package-lock --no-audit --no-fund --ignore-scripts 2>&1) || { echo "$$said"; exit 1; }
	@touch $@

# A stamp a group; made again when the list of packages has changed.
.deps/%: tools/install-deps
	@tools/install-deps $*
	@mkdir -p .deps && touch $@

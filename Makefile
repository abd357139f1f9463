# The two that anybody needs: make reproduce, make test. ARGS is handed on: make reproduce ARGS="ghost-marker --profile user"
.DEFAULT_GOAL := help
.PHONY: help setup venv reproduce nightly shard merge test bench mutants lint worlds userns clean
BIN := .venv/bin
ARGS ?=
SHARD ?= 1/1
NIGHT ?= night-$(shell date -u +%F)
PACK ?=

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## .venv and the system packages (installed as root, else one line to type)
	@sh harness/setup.sh hand

venv:
	@sh harness/setup.sh

reproduce: venv  ## every scenario on every tool that can be had here, who reads what of the founding case, and the report
	@$(BIN)/whiteout-lab run --build-worlds --readings founding --why founding $(ARGS)

nightly: venv  ## run everything, and say what changed since the baseline was written
	@$(BIN)/whiteout-lab nightly $(ARGS)

shard: venv  ## a part of a night, for machines that share it: make shard SHARD=2/3; that something changed fails the merged night alone
	@code=0; $(BIN)/whiteout-lab nightly --no-refresh --shard $(SHARD) --out reports/$(NIGHT)/part-$(subst /,-of-,$(SHARD)) $(ARGS) || code=$$?; \
	$(HAND_BACK); [ $$code = 1 ] || exit $$code

merge: venv  ## the parts of a night that lie in reports/NIGHT, put together; says what changed since the baseline (NIGHT=: of today)
	@code=0; $(BIN)/whiteout-lab merge reports/$(NIGHT)/part-*/ --output reports/$(NIGHT)/whole || code=$$?; \
	case $$code in 0 | 1 | 3) ;; *) exit $$code ;; esac; \
	whole=0; $(BIN)/whiteout-lab nightly --of reports/$(NIGHT)/whole $(ARGS) || whole=$$?; \
	[ $$code != 3 ] || exit 3; exit $$whole

test:  ## lint, types and all tests
	@sh harness/setup.sh test
	@$(BIN)/whiteout-lab worlds build || $(MISSING)
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest tests -n 2 $(ARGS)

bench: worlds  ## the measurements of the README
	@sh harness/setup.sh bench
	@$(BIN)/python -m tests.bench $(ARGS)

mutants: venv  ## whether a test notices each of some 1,100 ways to make the program wrong, one at a time (about twenty minutes)
	@$(BIN)/python -m tests.mutation $(ARGS)

lint: venv  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

worlds: venv  ## the Debian userlands, those that are not in place yet; PACK=FILE takes them from that tar, or makes it where it is not
	@if [ -n "$(PACK)" ] && [ -e "$(PACK)" ]; then tar -xpf "$(PACK)" -C "$$($(WORLDS))"; fi
	@$(BIN)/whiteout-lab worlds build || $(MISSING)
	@if [ -n "$(PACK)" ] && ! [ -e "$(PACK)" ]; then $(MAKE_PACK); fi

userns:  ## lets ordinary users make user namespaces until the next boot, where AppArmor forbids it (as root; Ubuntu since 23.10)
	@! [ -e $(APPARMOR) ] || echo 0 >$(APPARMOR)

clean:  ## what setup and tests made in this folder (the worlds stay: whiteout-lab worlds prune --all)
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A world that cannot be had is a skip with its reason, unless WHITEOUT_LAB_STRICT says that it must be there.
MISSING = { test -z "$$WHITEOUT_LAB_STRICT" && echo "going on with the worlds that are there" >&2; }

# Root in somebody's clone, by sudo: what was made belongs to the owner, who uploads it. A link in a recording is not followed.
HAND_BACK = { test -z "$$SUDO_UID" || chown -hR "$$SUDO_UID:$$SUDO_GID" reports; }

WORLDS = $(BIN)/python -c 'from harness.machine.cache import worlds_folder; print(worlds_folder())'
# A world is one that is in place by its world.json, which is therefore packed, and so unpacked, after everything else.
MAKE_PACK = { packed=$$(realpath -m "$(PACK)"); cd "$$($(WORLDS))"; tar -cf "$$packed.part" --exclude=world.json --exclude='.building-*' . && \
	tar -rf "$$packed.part" -- */world.json && mv "$$packed.part" "$$packed"; }
APPARMOR = /proc/sys/kernel/apparmor_restrict_unprivileged_userns

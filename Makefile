# Every target makes .venv/ from requirements.lock by itself; `make demo` and `make test` are the two to know.
BIN := .venv/bin

.PHONY: help demo test test-pg15 check bench soak contract lock clean venv
help:
	@echo "make demo [ONCE=1] [CUSTOMERS=n] [PORT=p]   the whole system with local stand-ins for Stripe and Square"
	@echo "make test [ARGS=...]                        every test; ARGS go to pytest"
	@echo "make check                                  linters, types, import contracts"
	@echo "make test-pg15                              what must hold on PostgreSQL 15 as well (Debian's)"
	@echo "make contract CHECKER=<file>                every test, its traffic with the twins judged by the published schemas"
	@echo "make bench                                  benchmarks, into .payhub/bench.json"
	@echo "make soak [ONLY=R12]                        reliability tests at full size, into .payhub/soak.json"
	@echo "make lock                                   requirements.lock anew from pyproject.toml"
	@echo "make clean                                  remove .venv and caches; .payhub (your data) stays"

venv:
	@sh .ci/venv

demo: venv
	$(BIN)/payhub demo $(if $(ONCE),--once) $(if $(CUSTOMERS),--customers $(CUSTOMERS)) $(if $(PORT),--port $(PORT))

test: venv
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

test-pg15: venv
	bash .ci/pg15 $(BIN)/pytest -m postgres15 $(ARGS)

check: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy hub providers sync webhooks migrations wsgi.py
	$(BIN)/lint-imports

contract: venv
	@test -f "$(CHECKER)" || { echo "CHECKER=<path to the contract checker>: see Tests in CONTRIBUTING.md"; exit 2; }
	PAYHUB_CONTRACT_CHECKER="$(abspath $(CHECKER))" $(BIN)/pytest -n 2 --dist loadfile $(ARGS)

bench: venv
	$(BIN)/python -m tests.bench

soak: venv
	$(BIN)/python -m tests.soak $(if $(ONLY),--only $(ONLY))

lock: venv
	$(BIN)/python .ci/lock.py

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

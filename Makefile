# Two commands matter: `make run` and `make test`. Both need only Python 3.11+, make and git.
.DEFAULT_GOAL := help

PORT ?=
SIM_PORT ?=
ARGS ?=
PAYMENTS ?=
PYTHON ?= python3
export PYTHON

RUFF = .venv/bin/ruff
UV = .venv/bin/uv

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run:  ## start everything and make one payment (PORT=8000 SIM_PORT=8100 ARGS=--once)
	@exec bin/run $(if $(PORT),--port $(PORT)) $(if $(SIM_PORT),--sim-port $(SIM_PORT)) $(ARGS)

demo:  ## fill what runs with two months of a shop, and payments to work with (PAYMENTS=5000)
	@bin/manage seed_demo --days 60 --payments $(or $(PAYMENTS),5000) --seed 7
	@.venv/bin/python -m demo.today

code:  ## one-time codes for the demo's back-office log-ins
	@exec .venv/bin/python -m demo.codes

test:  ## run the tests (ARGS="tests/ledger -k balance")
	@exec bin/test $(ARGS)

check:  ## everything CI checks, fastest first
	@exec bash .ci/run

format:  ## rewrite the code in house format
	@bin/bootstrap dev
	$(RUFF) format .
	$(RUFF) check --fix .

docs:  ## write the documents that are drawn from code anew
	@bin/bootstrap dev
	.venv/bin/python manage.py spectacular --validate --file docs/api/openapi.yaml
	.venv/bin/python -m tests.architecture.generated
	.venv/bin/python -m deploy.observability.boards
	.venv/bin/python -m tests.sdk.compatibility

pictures:  ## take the pictures of docs/screens.md and docs/checkout.md anew
	@CHROMIUM=$$(command -v chromium) SCREENSHOTS=docs/screenshots exec bin/test tests/browser/test_pictures.py tests/browser/test_checkout.py

matrix:  ## write the table of who is answered what in the back-office anew
	@WRITE_MATRIX=1 exec bin/test tests/backoffice/test_matrix.py

lock:  ## pin requirements/*.in with hashes
	@bin/bootstrap dev
	for set in bootstrap base embedded kafka observability dev; do \
		$(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --quiet \
			requirements/$$set.in --output-file requirements/$$set.txt || exit 1; \
	done

clean:  ## forget the demo's data and the virtual environment
	rm -rf .venv .local

.PHONY: help run demo code test check format docs pictures matrix lock clean

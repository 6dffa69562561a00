# The few commands of the repository. Every one of them first installs what is missing and does nothing when nothing is.
NODE := node_modules/.bin/node --disable-warning=ExperimentalWarning

.PHONY: lab test image-test lint bench setup clean
.DEFAULT_GOAL := lab

lab: setup ## start the lab in the foreground; Ctrl-C ends it
	@exec $(NODE) lab/src/cli.ts up $(ARGS)

test: setup lint ## every test; TESTS=path runs some of them
	@$(NODE) scripts/test.ts $(TESTS)

image-test: setup ## builds the three images and starts what is in them; as root, with the package buildah
	@$(NODE) scripts/image-test.ts

lint: setup
	@npm run --silent lint

bench: setup ## measures speed and memory, about ten minutes; ARGS="claims" takes one of the measurements
	@exec $(NODE) bench/main.ts $(ARGS)

setup: node_modules/.installed web/dist/index.html
	@$(NODE) scripts/setup.ts

web/dist/index.html: node_modules/.installed $(shell find web/src web/public web/*.* -type f) operator/src/portal/rows.ts
	@echo "building the pages ..."
	@npm run --silent build -w web -- --logLevel warn

node_modules/.installed: package-lock.json package.json $(wildcard */package.json)
	@command -v npm >/dev/null || { echo "npm is missing. Install Node 20 or newer with npm, then run make again."; exit 1; }
	@echo "installing npm packages ..."
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

clean: ## stop the lab and remove everything that make has built in this directory
	@[ ! -d .lab ] || [ ! -x node_modules/.bin/node ] || $(NODE) lab/src/cli.ts down
	rm -rf .lab node_modules */node_modules web/dist

# What a person or a machine asks of this project. `make help` lists it.
# Everything here works on a machine that has Go and apt; what else is needed,
# `make deps` installs where it may (root, apt).

GO          ?= go
BIN         ?= bin/sshwhy
STATICCHECK := $(GO) tool -modfile=tools/go.mod staticcheck
TARGETS     := linux/amd64 linux/arm64 darwin/arm64 windows/amd64

.PHONY: help build run demo test unit lab bench lint cross deps docs install fuzz-firewall

help:
	@echo "make run HOST=alice@web1   diagnose a host from here"
	@echo "make demo                  break a real machine, diagnose it, mend it, log in (root, Linux)"
	@echo "make test                  everything CI runs"
	@echo "make build                 a static program: $(BIN)"
	@echo "make lab                   only the real machines (root); CASE=name for one"
	@echo "make bench                 timings against other tools, as ratios"
	@echo "make lint | cross | docs   the single parts"

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o $(BIN) ./cmd/sshwhy

run: build
	@test -n "$(HOST)" || { echo "error: no host given"; echo "hint: make run HOST=alice@web1"; exit 2; }
	@$(BIN) $(HOST)

install: build
	install -m 0755 $(BIN) $(or $(DESTDIR),)/usr/local/bin/sshwhy

demo: deps
	$(GO) run ./lab/cmd/demo

test: deps lint unit cross lab

# The race detector sleeps a second when a process ends; the crash tests start hundreds.
# Lines cut at every byte and fixes killed at every effect are tried without it: with it, only every 16th.
unit:
	GORACE=atexit_sleep_ms=0 $(GO) test -race -timeout 25m $$($(GO) list ./... | grep -v '^sshwhy/lab')
	$(GO) test -timeout 25m -run 'TestCut|TestCrash' ./internal/...

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt-clean: $$out"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(STATICCHECK) ./...

cross:
	@for t in $(TARGETS); do \
	  echo "build $$t"; \
	  CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -trimpath -o /dev/null ./cmd/sshwhy || exit 1; \
	done

lab: deps
	$(GO) test -count=1 -timeout 40m ./lab/... $(if $(CASE),-run '/$(CASE)$$' -v)

bench: deps
	@test -d /usr/lib/python3/dist-packages/ssh_audit || apt-get -qq -y install ssh-audit || true
	$(GO) run ./bench

docs:
	$(GO) run ./internal/gendocs

fuzz-firewall:
	./bench/fuzz-firewall

deps:
	@./lab/install.sh

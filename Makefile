# make demo   a throw-away channel with one video on http://localhost:8080
# make test   every test; installs ffmpeg, Node and the browsers it needs
# make help   the rest

SHELL      := bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
export CGO_ENABLED := 0
export PATH := $(CURDIR)/.ci/bin:$(PATH)

LDFLAGS := -s -w
ARCHES  := amd64 arm64 arm

# What the tests call: each target that runs them asks for it, and nothing happens where it is there.
TOOLS := .ci/install ffmpeg node browsers peers pebble

.PHONY: help build demo test test-long kills disks clocks race vet lint vuln nightly soak soak-race fuzz bench bench-size bench-swarm release release-test dist clean

help:
	@sed -n 's/^# make /make /p' Makefile
	grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

build: ## tubelet, static, for this machine
	go build -trimpath -ldflags '$(LDFLAGS)' -o tubelet .

demo: ## a throw-away channel on http://localhost:8080
	@.ci/install ffmpeg
	exec testdata/demo/run

test: ## vet, unit tests, stories, browsers
	@.ci/install ffmpeg browsers peers pebble systemd
	$(MAKE) --no-print-directory vet
	(cd testdata/browser && npm ci --silent --no-audit --no-fund)
	(cd testdata/fedify && npm ci --silent --no-audit --no-fund)
	(cd testdata/peers && npm ci --silent --no-audit --no-fund)
	go test -p 2 -timeout 20m $$(go list ./... | grep -v /browsertest)
	go test -timeout 20m ./server/browsertest

test-long: ## make test, some 350 kills, full disks, clocks that jump, then the race detector and a minute of each fuzz target
	$(MAKE) test
	$(MAKE) kills
	$(MAKE) disks
	$(MAKE) clocks
	$(MAKE) race
	$(MAKE) fuzz FUZZTIME=60s

kills: ## kill -9 at random moments of publish, transcode, deliver, backup, restore, migrate; counts are printed
	@.ci/install ffmpeg
	go test -tags long -p 1 -timeout 40m -v -count=1 -run '^Test(Crash|Killed)' ./server/work ./server/vault ./fed | grep -vE '^(=== |ok )'

disks: ## a full disk under publish, transcode, deliver, backup, restore, migrate, remove; Linux, counts are printed
	@.ci/install ffmpeg
	go test -tags long -timeout 20m -v -count=1 -run '^TestFullDisk$$' ./cli | grep -vE '^(=== |ok )'

clocks: ## the clock set a day ahead and back, twice, while the whole program runs; 5 min
	@.ci/install ffmpeg
	go test -tags long -timeout 20m -v -count=1 -run '^TestClockSteps$$' ./cli | grep -vE '^(=== |ok )'

# The tags keep the torrent library to what a build without cgo has.
race: ## the tests that share memory, under the race detector
	@$(TOOLS) cc
	CGO_ENABLED=1 go test -race -tags nosqlite,disable_libutp -timeout 30m ./store/... ./server/... ./media/... ./seed/... ./fed/...

vet: ## gofmt and vet
	@unformatted=$$(gofmt -l $$(git ls-files '*.go'))
	[ -z "$$unformatted" ] || { echo "run gofmt on: $$unformatted" >&2; exit 1; }
	go vet ./...
	go vet -tags bench ./... ./testdata/swarm ./testdata/soak
	go vet -tags interop ./testdata/interop
	go vet .ci/release/sbom.go
	go vet .ci/release/static.go

lint: vet ## and staticcheck
	go vet -tags long ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.7.0 -checks inherit,-ST1006 ./... # of two members one is self

vuln: ## known holes in what is linked in; asks vuln.go.dev
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

nightly: ## what takes hours: lint, holes, kills, full disks, clocks, races, a minute of each fuzz target, an hour of everything at once
	$(MAKE) lint
	$(MAKE) vuln
	$(MAKE) kills
	$(MAKE) disks
	$(MAKE) clocks
	$(MAKE) race
	$(MAKE) fuzz FUZZTIME=60s
	$(MAKE) soak
	$(MAKE) soak-race

soak: ## viewers, followers, publishes and peers at once for SOAK (1h): does anything grow
	@.ci/install ffmpeg
	SOAK=$${SOAK:-1h} go test -tags bench -timeout 12h -run '^TestFigureSoak$$' -v -count=1 ./testdata/soak

soak-race: ## the same for SOAK (5m) under the race detector
	@.ci/install ffmpeg cc
	SOAK=$${SOAK:-5m} CGO_ENABLED=1 go test -race -tags bench,nosqlite,disable_libutp -timeout 12h -run '^TestFigureSoak$$' -v -count=1 ./testdata/soak

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME
	@.ci/install ffmpeg
	for package in $$(go list ./...); do
	  for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do
	    echo "== $$package $$target"
	    go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package
	  done
	done

bench: ## every figure of docs/figures.md, each against its counterpart
	@.ci/install ffmpeg node browsers nginx
	go test -tags bench -p 1 -timeout 90m -run '^Test(Figure|Bench)' -v -count=1 ./...
	$(MAKE) bench-size

bench-swarm: ## sharing against plain HTTP and p2p-media-loader; root; a day for all, SWARM_CELLS and SWARM_REPEATS choose
	@.ci/install ffmpeg node browsers netns
	(cd testdata/swarm && npm ci --silent --no-audit --no-fund)
	go test -tags bench -timeout 48h -run '^TestFigureSwarm' -v -count=1 ./testdata/swarm

bench-size: ## size of the binary on each architecture: at most 40 MiB, and no file but itself to run it
	@for arch in $(ARCHES); do
	  GOOS=linux GOARCH=$$arch GOARM=7 go build -trimpath -ldflags '$(LDFLAGS)' -o dist/tubelet-linux-$$arch .
	done
	go run .ci/release/static.go -most 40 $(ARCHES:%=dist/tubelet-linux-%)

release: ## a release of the commit at hand in dist: binaries built twice, packages, checksums; RELEASE_KEY signs
	.ci/release/release dist

release-test: ## install, run, upgrade and remove the Debian package, and the program by itself, in a fresh Debian; root
	@.ci/install ffmpeg debootstrap
	.ci/release/try-deb dist
	.ci/release/try-install dist/tubelet-linux-$$(go env GOARCH)

dist: bench-size ## binaries for amd64, arm64 and armv7

clean: ## remove what make made
	rm -rf tubelet dist demo-data .ci/bin testdata/{browser,fedify,peers,swarm}/node_modules testdata/swarm/{build,results}

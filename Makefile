# fxmon - one Makefile, no recursion. `make list` prints the targets.
#
# Settings: V=1 shows commands; VARIANT=release|asan|tsan|debug; WITH_CURL, WITH_SQLITE, WITH_MICROHTTPD, WITH_RDKAFKA, WITH_PQ, WITH_HIREDIS = 1 (force), 0 (leave out)
# or empty (probe); CC, CFLAGS, LDFLAGS as usual; PREFIX, DESTDIR, LIBDIR, INCLUDEDIR, MANDIR, BINDIR for install.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

V ?= 0
ifeq ($(V),0)
Q := @
endif

VARIANT ?= release
CC := $(if $(filter undefined default,$(origin CC)),cc,$(CC))
AR := $(if $(filter undefined default,$(origin AR)),ar,$(AR))
INSTALL ?= install
PKG_CONFIG ?= pkg-config

PREFIX ?= /usr/local
prefix ?= $(PREFIX)
BINDIR ?= $(prefix)/bin
LIBDIR ?= $(prefix)/lib
INCLUDEDIR ?= $(prefix)/include
MANDIR ?= $(prefix)/share/man
DATADIR ?= $(prefix)/share/fxmon
DOCDIR ?= $(prefix)/share/doc/fxmon
DESTDIR ?=

# ---- version: one place, include/fxmon/version.h -------------------------------------------------
version_part = $(shell sed -n 's/^\#define FXMON_VERSION_$(1) \([0-9]*\)$$/\1/p' include/fxmon/version.h)
MAJOR := $(call version_part,MAJOR)
VERSION := $(MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)

# ---- flags -------------------------------------------------------------------------------------
WARNINGS := -Wall -Wextra -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wpointer-arith \
            -Wvla -Wundef -Wimplicit-fallthrough -Werror=format-security -Werror=implicit \
            -Werror=incompatible-pointer-types -Werror=int-conversion
HARDENING := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection -fstack-protector-strong \
             -fcf-protection=full -fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing
HARDENING_GCC := -ftrivial-auto-var-init=zero
HARDENING_LD := -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))

ifeq ($(VARIANT),release)
OPTIMIZE := -O2 -g $(HARDENING) $(if $(IS_CLANG),,$(HARDENING_GCC))
else ifeq ($(VARIANT),debug)
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing
else ifeq ($(VARIANT),asan)
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZE := -fsanitize=address,undefined
else ifeq ($(VARIANT),tsan)
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -fsanitize=thread
SANITIZE := -fsanitize=thread
else ifeq ($(VARIANT),fuzz)
OPTIMIZE := -O1 -g -fno-omit-frame-pointer -fno-strict-aliasing -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
SANITIZE := -fsanitize=address,undefined
else
$(error VARIANT must be release, debug, asan, tsan or fuzz)
endif
CFLAGS ?=
LDFLAGS ?=
# base/crash.h: points where a test can end the process; never in a release
CRASH_POINTS := $(if $(filter debug asan tsan,$(VARIANT)),-DFXI_CRASH_POINTS=1)
REPRODUCIBLE := -ffile-prefix-map=$(CURDIR)=.
COMPILE_FLAGS = -std=c11 -D_GNU_SOURCE -Iinclude -Ilibfxmon $(OPTIMIZE) $(CRASH_POINTS) $(WARNINGS) $(REPRODUCIBLE) -fvisibility=hidden $(CFLAGS)

# ---- optional libraries ---------------------------------------------------------------------------
# name of the switch : pkg-config name
probe = $(if $(WITH_$(1)),$(filter 1,$(WITH_$(1))),$(shell $(PKG_CONFIG) --exists $(2) 2>/dev/null && echo 1))
HAVE_CURL := $(call probe,CURL,libcurl)
HAVE_SQLITE := $(call probe,SQLITE,sqlite3)
HAVE_MICROHTTPD := $(call probe,MICROHTTPD,libmicrohttpd)
HAVE_RDKAFKA := $(call probe,RDKAFKA,rdkafka)
HAVE_PQ := $(call probe,PQ,'libpq >= 14')
HAVE_HIREDIS := $(call probe,HIREDIS,hiredis)
PACKAGES := $(if $(HAVE_CURL),libcurl) $(if $(HAVE_SQLITE),sqlite3) $(if $(HAVE_MICROHTTPD),libmicrohttpd) \
            $(if $(HAVE_RDKAFKA),rdkafka) $(if $(HAVE_PQ),libpq) $(if $(HAVE_HIREDIS),hiredis)
FEATURES := -DFXI_WITH_CURL=$(if $(HAVE_CURL),1,0) -DFXI_WITH_SQLITE=$(if $(HAVE_SQLITE),1,0) \
            -DFXI_WITH_MICROHTTPD=$(if $(HAVE_MICROHTTPD),1,0) -DFXI_WITH_RDKAFKA=$(if $(HAVE_RDKAFKA),1,0) \
            -DFXI_WITH_PQ=$(if $(HAVE_PQ),1,0) -DFXI_WITH_HIREDIS=$(if $(HAVE_HIREDIS),1,0)
LIB_CFLAGS := $(if $(strip $(PACKAGES)),$(shell $(PKG_CONFIG) --cflags $(PACKAGES)))
LIB_LIBS := $(if $(strip $(PACKAGES)),$(shell $(PKG_CONFIG) --libs $(PACKAGES))) -lpthread -lm
CLI_LIBS := $(shell $(PKG_CONFIG) --libs inih 2>/dev/null || echo -linih)

# ---- sources ---------------------------------------------------------------------------------------
CORE_SRC := $(wildcard libfxmon/base/*.c libfxmon/core/*.c libfxmon/codec/*.c)
FULL_SRC := $(CORE_SRC) $(wildcard libfxmon/source/*.c libfxmon/stream/*.c libfxmon/store/*.c libfxmon/sink/*.c \
            libfxmon/notify/*.c libfxmon/lane/*.c libfxmon/api/*.c libfxmon/serve/*.c)
ifeq ($(HAVE_CURL),)
FULL_SRC := $(filter-out libfxmon/source/http.c,$(FULL_SRC))
endif
ifeq ($(HAVE_CURL),)
FULL_SRC := $(filter-out libfxmon/sink/elasticsearch%.c,$(FULL_SRC))
endif
ifeq ($(HAVE_RDKAFKA),)
FULL_SRC := $(filter-out libfxmon/stream/kafka%.c,$(FULL_SRC))
endif
ifeq ($(HAVE_PQ),)
FULL_SRC := $(filter-out libfxmon/store/postgresql%.c,$(FULL_SRC))
endif
ifeq ($(HAVE_HIREDIS),)
FULL_SRC := $(filter-out libfxmon/sink/redis%.c,$(FULL_SRC))
endif
ifeq ($(HAVE_SQLITE),)
FULL_SRC := $(filter-out libfxmon/store/sqlite%.c,$(FULL_SRC))
endif
ifeq ($(HAVE_MICROHTTPD),)
FULL_SRC := $(filter-out libfxmon/serve/%.c,$(FULL_SRC))
endif
WEB_FILES := $(wildcard libfxmon/serve/web/*)
PROGRAMS := fxmon-produce fxmon-consume fxmon-alert fxmon-serve
CLI_SHARED := $(filter-out $(PROGRAMS:%=cli/%.c),$(wildcard cli/*.c))

# ---- build folder: named by variant and a hash of everything that changes objects -------------------
CONFIG_HASH := $(shell printf '%s' '$(CC) $(filter-out $(REPRODUCIBLE),$(COMPILE_FLAGS)) $(LDFLAGS) $(FEATURES)' | cksum | cut -d' ' -f1)
B := build/$(VARIANT)-$(CONFIG_HASH)
BIN := $(B)/bin

STATIC_OBJ := $(FULL_SRC:%.c=$(B)/static/%.o)
SHARED_OBJ := $(FULL_SRC:%.c=$(B)/shared/%.o)
CORE_STATIC_OBJ := $(CORE_SRC:%.c=$(B)/static/%.o)
CORE_SHARED_OBJ := $(CORE_SRC:%.c=$(B)/shared/%.o)
WEB_C := $(if $(HAVE_MICROHTTPD),$(B)/web.c)
WEB_STATIC := $(WEB_C:.c=.static.o)
WEB_SHARED := $(WEB_C:.c=.shared.o)

LIB_A := $(B)/lib/libfxmon.a
LIB_SO := $(B)/lib/libfxmon.so.$(VERSION)
CORE_A := $(B)/lib/libfxmon-core.a
CORE_SO := $(B)/lib/libfxmon-core.so.$(VERSION)

.PHONY: all lib programs
## all: build libraries and programs
all: lib programs
	$(Q)ln -sfn $(notdir $(B)) build/$(VARIANT)
	$(Q)ln -sfn $(VARIANT)/bin build/bin
lib: $(LIB_A) $(LIB_SO) $(CORE_A) $(CORE_SO)
programs: $(PROGRAMS:%=$(BIN)/%)

$(B)/static/%.o: %.c
	@mkdir -p $(@D)
	@[ $(V) = 1 ] || echo "  CC      $<"
	$(Q)$(CC) $(COMPILE_FLAGS) $(FEATURES) $(LIB_CFLAGS) -fPIE -MMD -MP -c $< -o $@
$(B)/shared/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(COMPILE_FLAGS) $(FEATURES) $(LIB_CFLAGS) -fPIC -MMD -MP -c $< -o $@
$(B)/web.c: $(WEB_FILES) libfxmon/serve/embed.sh
	@mkdir -p $(@D)
	$(Q)sh libfxmon/serve/embed.sh libfxmon/serve/web > $@
$(B)/web.static.o: $(B)/web.c
	$(Q)$(CC) $(COMPILE_FLAGS) -fPIE -c $< -o $@
$(B)/web.shared.o: $(B)/web.c
	$(Q)$(CC) $(COMPILE_FLAGS) -fPIC -c $< -o $@

$(LIB_A): $(STATIC_OBJ) $(WEB_STATIC)
	@mkdir -p $(@D); rm -f $@
	@[ $(V) = 1 ] || echo "  AR      $(@F)"
	$(Q)$(AR) rcsD $@ $^
$(CORE_A): $(CORE_STATIC_OBJ)
	@mkdir -p $(@D); rm -f $@
	@[ $(V) = 1 ] || echo "  AR      $(@F)"
	$(Q)$(AR) rcsD $@ $^
$(LIB_SO): $(SHARED_OBJ) $(WEB_SHARED)
	@mkdir -p $(@D)
	@[ $(V) = 1 ] || echo "  LD      $(@F)"
	$(Q)$(CC) -shared -Wl,-soname,libfxmon.so.$(MAJOR) $(if $(SANITIZE),,-Wl,-z,defs) $(HARDENING_LD) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)
	$(Q)ln -sf $(@F) $(B)/lib/libfxmon.so.$(MAJOR); ln -sf $(@F) $(B)/lib/libfxmon.so
$(CORE_SO): $(CORE_SHARED_OBJ)
	@mkdir -p $(@D)
	@[ $(V) = 1 ] || echo "  LD      $(@F)"
	$(Q)$(CC) -shared -Wl,-soname,libfxmon-core.so.$(MAJOR) $(if $(SANITIZE),,-Wl,-z,defs) $(HARDENING_LD) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lm
	$(Q)ln -sf $(@F) $(B)/lib/libfxmon-core.so.$(MAJOR); ln -sf $(@F) $(B)/lib/libfxmon-core.so

$(BIN)/%: $(B)/static/cli/%.o $(CLI_SHARED:%.c=$(B)/static/%.o) $(LIB_A)
	@mkdir -p $(@D)
	@[ $(V) = 1 ] || echo "  LD      $(@F)"
	$(Q)$(CC) -pie $(HARDENING_LD) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(CLI_LIBS)

# ---- tests ---------------------------------------------------------------------------------------------
# unit and conformance tests: one Check program a file, linked with the static library (all internal symbols visible)
UNIT_SRC := $(wildcard tests/unit/test_*.c tests/conform/test_*.c)
UNIT := $(UNIT_SRC:tests/%.c=$(B)/tests/%)
TEST_SHARED := $(wildcard tests/support/*.c)
CHECK_LIBS = $(shell $(PKG_CONFIG) --libs check) -ljansson
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_REPLAY := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/tests/fuzz/%-replay)
SHIMS := $(patsubst tests/shim/%.c,$(B)/tests/shim/%.so,$(wildcard tests/shim/*.c))
BENCH := $(patsubst tests/bench/%.c,$(B)/tests/bench/%,$(wildcard tests/bench/*.c))
.SECONDARY:

$(B)/tests/%: $(B)/static/tests/%.o $(TEST_SHARED:%.c=$(B)/static/%.o) $(LIB_A)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) $(CHECK_LIBS)
$(B)/tests/fuzz/%-replay: $(B)/static/tests/fuzz/%.o $(B)/static/tests/fuzz/replay.o $(LIB_A)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)
$(B)/tests/shim/%.so: tests/shim/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O1 -g -fPIC -shared $(WARNINGS) -o $@ $< -ldl
$(B)/tests/bench/%: $(B)/static/tests/bench/%.o $(LIB_A)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -ljansson

TEST_ENV = FXMON_TOP='$(CURDIR)' FXMON_BUILD='$(CURDIR)/$(B)' FXMON_BIN='$(CURDIR)/$(BIN)' FXMON_LIB='$(CURDIR)/$(B)/lib' CC='$(CC)' \
           FXMON_VARIANT=$(VARIANT) FXMON_SHARED_DATA='$(or $(FXMON_SHARED_DATA),$(wildcard $(CURDIR)/../shared/data))'

.PHONY: test-programs unit test check bench bench-programs
test-programs: all $(UNIT) $(FUZZ_REPLAY) $(SHIMS)
## unit: build and run the unit tests only (T=name runs one: make unit T=decimal)
unit: $(if $(T),$(filter %/test_$(T),$(UNIT)),$(UNIT)) $(SHIMS)
	$(Q)$(TEST_ENV) sh tests/run --only unit $(if $(T),--match /test_$(T)$$)
## test: build and run every test, without installing anything (T=pattern runs those whose name matches)
test: test-programs man-pages
	$(Q)$(TEST_ENV) sh tests/run $(if $(T),--match '$(T)')
SERVERS := postgresql redis kafka opensearch elasticsearch
.PHONY: servers
## servers: fetch the servers that tests, demo and measurements start (packages and jars; later runs need no network)
servers:
	$(Q)for s in $(SERVERS); do tests/servers/$$s install || exit 1; done
## check: install what is missing, build, and run every test
check:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory servers || echo "Not all servers can be had here: tests that need them are skipped."
	$(Q)$(MAKE) --no-print-directory test
## nightly: the promises at their full counts, on real servers (hours; 1,000 kills and the like); T=p01 runs one
.PHONY: nightly
nightly:
	$(Q)sh tests/deps.sh check
	$(Q)$(MAKE) --no-print-directory test-programs man-pages
	$(Q)NIGHTLY=1 FXMON_TEST_LIMIT=14400 JOBS=1 SKIPS_AS_FAILS=1 $(TEST_ENV) sh tests/run --match '$(or $(T),^cluster|_kill)'
bench-programs: all $(BENCH)
## bench: measure; prints a table of figures and ratios to a baseline of the same run
bench:
	$(Q)sh tests/deps.sh bench
	$(Q)$(MAKE) --no-print-directory bench-programs
	$(Q)$(TEST_ENV) sh tests/bench/run.sh
BENCH_CLUSTER := $(if $(HAVE_RDKAFKA),$(B)/tests/bench/cluster/kafka_loop)
.PHONY: bench-cluster bench-cluster-programs
bench-cluster-programs: all $(BENCH_CLUSTER)
## bench-cluster: measure on real servers, beside bare clients of the same servers (PART=postgresql runs one part)
bench-cluster:
	$(Q)sh tests/deps.sh bench
	$(Q)$(MAKE) --no-print-directory bench-cluster-programs
	$(Q)$(TEST_ENV) python3 tests/bench/cluster/run.py

# ---- fuzzing (clang) -------------------------------------------------------------------------------------
.PHONY: fuzz fuzz-programs
FUZZ_SECONDS ?= 60
fuzz-programs: $(FUZZ_SRC:tests/fuzz/%.c=$(B)/tests/fuzz/%)
$(B)/tests/fuzz/fuzz_%: $(B)/static/tests/fuzz/fuzz_%.o $(LIB_A)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -fsanitize=address,undefined,fuzzer $(LDFLAGS) -o $@ $^ $(LIB_LIBS)
## fuzz: fuzz every decoder for FUZZ_SECONDS (60) each, with clang's libFuzzer (T=json runs one)
fuzz:
	$(Q)sh tests/deps.sh fuzz
	$(Q)$(MAKE) --no-print-directory VARIANT=fuzz CC=clang lib fuzz-programs
	$(Q)$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzz-run
.PHONY: fuzz-run
fuzz-run:
	$(Q)sh tests/fuzz/run.sh $(B)/tests/fuzz $(FUZZ_SECONDS) $(T)

# ---- first meeting ----------------------------------------------------------------------------------------
.PHONY: deps run
## deps: install the packages that building and running needs (apt, with sudo unless root)
deps:
	$(Q)sh tests/deps.sh build
## run: install what is missing, build, and run the whole pipeline with its page on http://localhost:8000
run: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)FXMON_BIN='$(CURDIR)/build/bin' sh examples/pipeline.sh

.PHONY: demo-cluster demo-kill-consumer demo-kill-producer demo-kill-broker
## demo-cluster: Kafka, PostgreSQL, Redis, OpenSearch and Elasticsearch of their own, rates through all of them, and the proof that they agree
demo-cluster:
	$(Q)sh tests/deps.sh cluster
	$(Q)$(MAKE) --no-print-directory all
	$(Q)FXMON_TOP='$(CURDIR)' FXMON_BIN='$(CURDIR)/build/bin' python3 tests/demo/cluster.py
## demo-kill-consumer: the same with three brokers and two consumers, one of which is killed; watch the recovery
## demo-kill-producer: the same, and the producer is killed
## demo-kill-broker: the same, and the broker is killed that leads a partition
demo-kill-consumer demo-kill-producer demo-kill-broker: demo-kill-%:
	$(Q)DEMO_KILL=$* $(MAKE) --no-print-directory demo-cluster

# ---- manual pages -------------------------------------------------------------------------------------------
MAN_IN := $(wildcard man/*.in)
MAN_MADE := $(MAN_IN:man/%.in=$(B)/man/%)
MAN_PLAIN := $(filter-out %.in,$(wildcard man/*.[1-9]))
MAN_ALL := $(MAN_MADE) $(MAN_PLAIN)
.PHONY: man-pages
man-pages: $(MAN_MADE)
$(B)/man/%: man/%.in man/fill.sh libfxmon/api/options.def | programs
	@mkdir -p $(@D)
	$(Q)sh man/fill.sh $< $(BIN) $(VERSION) > $@

# ---- install --------------------------------------------------------------------------------------------------
.PHONY: install install-lib install-bin install-man uninstall
## install: DESTDIR= PREFIX=/usr/local: libraries, headers, programs, manual pages, examples
install: install-lib install-bin install-man
install-lib: lib
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)/fxmon'
	$(INSTALL) -m 644 $(LIB_A) $(CORE_A) '$(DESTDIR)$(LIBDIR)'
	$(INSTALL) -m 755 $(LIB_SO) $(CORE_SO) '$(DESTDIR)$(LIBDIR)'
	for l in libfxmon libfxmon-core; do ln -sf $$l.so.$(VERSION) '$(DESTDIR)$(LIBDIR)'/$$l.so.$(MAJOR); ln -sf $$l.so.$(MAJOR) '$(DESTDIR)$(LIBDIR)'/$$l.so; done
	$(INSTALL) -m 644 include/fxmon/*.h '$(DESTDIR)$(INCLUDEDIR)/fxmon'
	for p in fxmon fxmon-core; do sed -e 's|@PREFIX@|$(prefix)|g' -e 's|@LIBDIR@|$(LIBDIR:$(prefix)/%=$${prefix}/%)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR:$(prefix)/%=$${prefix}/%)|' \
	    -e 's|@VERSION@|$(VERSION)|' -e 's|@REQUIRES@|$(strip $(PACKAGES))|' pkgconfig/$$p.pc.in > '$(DESTDIR)$(LIBDIR)'/pkgconfig/$$p.pc; done
install-bin: programs
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)'
	$(INSTALL) -m 755 $(PROGRAMS:%=$(BIN)/%) '$(DESTDIR)$(BINDIR)'
install-man: man-pages
	for page in $(MAN_ALL); do s=$${page##*.}; $(INSTALL) -d '$(DESTDIR)$(MANDIR)'/man$$s; $(INSTALL) -m 644 $$page '$(DESTDIR)$(MANDIR)'/man$$s; done
	$(INSTALL) -d '$(DESTDIR)$(DOCDIR)/examples'
	$(INSTALL) -m 644 $(wildcard examples/*.c examples/*.conf examples/*.service examples/*.md examples/crontab examples/Makefile) '$(DESTDIR)$(DOCDIR)/examples'
	$(INSTALL) -m 755 $(wildcard examples/*.sh) '$(DESTDIR)$(DOCDIR)/examples'
	$(INSTALL) -m 644 README.md CHANGELOG.md LICENSE '$(DESTDIR)$(DOCDIR)'
## uninstall: remove what install put there
uninstall:
	rm -f $(PROGRAMS:%='$(DESTDIR)$(BINDIR)'/%) '$(DESTDIR)$(LIBDIR)'/libfxmon.* '$(DESTDIR)$(LIBDIR)'/libfxmon-core.* \
	      '$(DESTDIR)$(LIBDIR)'/pkgconfig/fxmon.pc '$(DESTDIR)$(LIBDIR)'/pkgconfig/fxmon-core.pc
	for page in $(notdir $(MAN_ALL)); do rm -f '$(DESTDIR)$(MANDIR)'/man$${page##*.}/$$page; done
	rm -rf '$(DESTDIR)$(INCLUDEDIR)/fxmon' '$(DESTDIR)$(DOCDIR)'

.PHONY: list clean
## list: print the targets
list:
	@sed -n 's/^## \([a-z-]*\): /  \1\t/p' Makefile | expand -t 24
## clean: remove everything that was built
clean:
	rm -rf build

-include $(shell [ -d $(B) ] && find $(B) -name '*.d')

# fxmon - one Makefile, no recursion. `make list` prints the targets.
#
# Settings: V=1 shows commands; VARIANT=release|asan|tsan|debug; WITH_CURL, WITH_SQLITE, WITH_MICROHTTPD = 1 (force), 0 (leave out)
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
AR ?= ar
ifeq ($(AR),)
AR := ar
endif
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
REPRODUCIBLE := -ffile-prefix-map=$(CURDIR)=.
COMPILE_FLAGS = -std=c11 -D_GNU_SOURCE -Iinclude -Ilibfxmon $(OPTIMIZE) $(WARNINGS) $(REPRODUCIBLE) -fvisibility=hidden $(CFLAGS)

# ---- optional libraries ---------------------------------------------------------------------------
# name of the switch : pkg-config name
probe = $(if $(WITH_$(1)),$(filter 1,$(WITH_$(1))),$(shell $(PKG_CONFIG) --exists $(2) 2>/dev/null && echo 1))
HAVE_CURL := $(call probe,CURL,libcurl)
HAVE_SQLITE := $(call probe,SQLITE,sqlite3)
HAVE_MICROHTTPD := $(call probe,MICROHTTPD,libmicrohttpd)
PACKAGES := $(if $(HAVE_CURL),libcurl) $(if $(HAVE_SQLITE),sqlite3) $(if $(HAVE_MICROHTTPD),libmicrohttpd)
FEATURES := -DFXI_WITH_CURL=$(if $(HAVE_CURL),1,0) -DFXI_WITH_SQLITE=$(if $(HAVE_SQLITE),1,0) \
            -DFXI_WITH_MICROHTTPD=$(if $(HAVE_MICROHTTPD),1,0)
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
CONFIG_HASH := $(shell printf '%s' '$(CC) $(COMPILE_FLAGS) $(LDFLAGS) $(FEATURES)' | cksum | cut -d' ' -f1)
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
	$(Q)$(CC) -pie $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

.PHONY: unit test-programs
test-programs: all $(UNIT) $(FUZZ_REPLAY) $(SHIMS)
## unit: build and run the unit tests only (T=name runs one: make unit T=decimal)
unit: $(if $(T),$(filter %/test_$(T),$(UNIT)),$(UNIT))
	$(Q)sh tests/run-unit.sh $^

.PHONY: list clean
## list: print the targets
list:
	@sed -n 's/^## \([a-z-]*\): /  \1\t/p' Makefile | expand -t 24
## clean: remove everything that was built
clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)

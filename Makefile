# wxchat - one makefile, not recursive but for the sanitizer builds, which are the same build in another folder.
#   make            both programs and wxchatctl, in build/bin/
#   make run        the whole system with a sandbox in place of WeChat; prints one URL
#   make test       every test; make check: under ASan and UBSan; make tsan: what threads share under TSan
#   make bench      figures beside their budgets
#   make install    DESTDIR and PREFIX as usual; make uninstall
#   make help       the rest

VERSION := 1.0.0
PREFIX  ?= /usr/local
SYSCONF ?= /etc
BUILD   ?= build
SAN     ?=
O       ?= -O2
CC      := $(if $(filter default,$(origin CC)),gcc,$(CC))

warnings := -Wall -Wextra -Wshadow -Wconversion
harden   := -fPIE -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
san      := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
CFLAGS   ?= $(O) -g
cflags   := -std=c11 -D_GNU_SOURCE -DWXCHAT_VERSION='"$(VERSION)"' $(warnings) $(WERROR) $(harden) $(san) \
            -Ishared -I$(BUILD) $(CFLAGS)
ldflags  := -pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed $(san) $(LDFLAGS)

libs_shared := -ljson-c -lcrypto -llmdb -linih -ldl -pthread
libs_login  := -lfcgi -lmagic -lexpat $(libs_shared)
libs_push   := -levent_core -levent_extra -lssl -lz $(libs_shared)
libs_box    := -levent_core -levent_extra -ljson-c -lcrypto

objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)/*.c))
but_main = $(filter-out %/main.o,$(call objs,$(1)))
programs := $(addprefix $(BUILD)/bin/,fcgi-login push-server wxchatctl)
unit     := $(patsubst tests/unit/%.c,$(BUILD)/test/%,$(wildcard tests/unit/test_*.c))
fuzzers  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
benches  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c)) \
	$(if $(wildcard /usr/include/libwebsockets.h),$(BUILD)/bench/lws)

.PHONY: all tools run test unit check asan tsan fault bench benches soak fuzz lint format deps preview install uninstall clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/.deps $(programs)
tools: $(BUILD)/.deps $(BUILD)/bin/wechat-sandbox

comma := ,
# One short line a file; make V=1 shows the commands.
say = $(if $(V),,@echo '  $(1)';)

# --- the programs ---

$(BUILD)/bin/fcgi-login: $(call objs,fcgi-login) $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(ldflags) -o $@ $^ $(libs_login)
$(BUILD)/bin/push-server: $(call objs,push-server) $(BUILD)/obj/push-server/console/page.o $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(ldflags) -o $@ $^ $(libs_push)
$(BUILD)/bin/wxchatctl: $(call objs,shared/wxchatctl) $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(ldflags) -o $@ $^ $(libs_shared)
$(BUILD)/bin/wechat-sandbox: $(call objs,tests/sandbox)
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(ldflags) -o $@ $^ $(libs_box)

$(BUILD)/libshared.a: $(call objs,shared)
$(BUILD)/liblogin.a: $(call but_main,fcgi-login)
$(BUILD)/libpush.a: $(call but_main,push-server) $(BUILD)/obj/push-server/console/page.o
$(BUILD)/lib%.a:
	@rm -f $@
	$(call say,AR   $@)$(AR) rcs $@ $^

# Of the programs, not of what tests them.
$(foreach d,fcgi-login push-server shared,$(BUILD)/obj/$(d)/%.o): cflags += -include shared/banned.h
$(BUILD)/obj/%.o: %.c | $(BUILD)/.deps
	@mkdir -p $(@D)
	$(call say,CC   $<)$(CC) $(cflags) -MMD -MP -c -o $@ $<

# The console is one page, built into the push server.  Its charts come from npm where Node is.
$(BUILD)/console.html: $(wildcard push-server/console/*) $(wildcard tests/node_modules/uplot/dist/uPlot.iife.min.js)
	@mkdir -p $(@D)
	sh push-server/console/build.sh $@
$(BUILD)/obj/push-server/console/page.o: push-server/console/page.S $(BUILD)/console.html
	@mkdir -p $(@D)
	$(call say,AS   $<)$(CC) -I$(BUILD) -c -o $@ $<

# --- what is needed ---

# Nothing to do costs nothing: the stamp is newer than the script.
$(BUILD)/.deps: etc/deps.sh
	@mkdir -p $(@D)
	sh etc/deps.sh build
	@touch $@
$(BUILD)/.deps-run: etc/deps.sh tests/package.json
	@mkdir -p $(@D)
	sh etc/deps.sh run
	@touch $@
$(BUILD)/.deps-test: etc/deps.sh tests/package.json
	@mkdir -p $(@D)
	sh etc/deps.sh test
	@touch $@
deps:
	sh etc/deps.sh build test

# --- running and testing ---

preview: $(BUILD)/.deps-run
	node tests/preview/build.mjs $(BUILD)/preview
run: $(BUILD)/.deps-run
	@$(MAKE) --no-print-directory all tools preview
	@sh etc/run.sh $(BUILD)

$(BUILD)/test/%: tests/unit/%.c $(BUILD)/liblogin.a $(BUILD)/libpush.a $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(cflags) -I. $(ldflags) -MMD -MP -MF $@.d -o $@ $< $(BUILD)/liblogin.a $(BUILD)/libpush.a $(BUILD)/libshared.a \
		-lcmocka $(libs_login) $(libs_push)
unit: $(BUILD)/.deps $(unit)
test: $(BUILD)/.deps-test
	@$(MAKE) --no-print-directory all tools unit preview
	@sh tests/run.sh $(BUILD)
check asan:
	@$(MAKE) --no-print-directory test BUILD=build/asan SAN=address,undefined
tsan:
	@$(MAKE) --no-print-directory test BUILD=build/tsan SAN=thread \
		WXCHAT_TESTS="push login test_mdb test_store test_http_loop test_wechat test_mailbox test_gate test_log"
fault:
	@$(MAKE) --no-print-directory test WXCHAT_TESTS=fault

$(BUILD)/bench/%: tests/bench/%.c $(call objs,tests/bench/lib) $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(cflags) -I. $(ldflags) -MMD -MP -MF $@.d -o $@ $< $(call objs,tests/bench/lib) $(BUILD)/libshared.a $(libs_shared)
$(BUILD)/bench/lws: tests/bench/peers/lws.c
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(cflags) $(ldflags) -o $@ $< -lwebsockets
benches: $(benches)
bench: $(BUILD)/.deps-test
	@$(MAKE) --no-print-directory all tools benches
	@ulimit -n 40000 2>/dev/null || ulimit -n $$(ulimit -Hn); WXCHAT_BUILD=$(BUILD)/bin node tests/bench/run.mjs
soak: $(BUILD)/.deps-test
	@$(MAKE) --no-print-directory all tools
	@SOAK_S=$${SOAK_S:-600} WXCHAT_BUILD=$(BUILD)/bin node tests/soak/soak.mjs

$(BUILD)/fuzz/%: tests/fuzz/%.c $(BUILD)/liblogin.a $(BUILD)/libpush.a $(BUILD)/libshared.a
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(cflags) -I. -fsanitize=fuzzer $(ldflags) $(wrap) -o $@ $< $(or $(fuzzed),$(BUILD)/liblogin.a $(BUILD)/libpush.a) $(BUILD)/libshared.a \
		$(libs_login) $(libs_push)
# Its sockets, memory, clock and history are the fuzzer's.
$(BUILD)/fuzz/fuzz_worker: wrap := $(addprefix -Wl$(comma)--wrap=,recv send sendmsg accept4 shutdown close malloc calloc realloc strdup \
	clock_gettime history_submit)
$(BUILD)/fuzz/fuzz_worker: fuzzed := $(BUILD)/libpush.a
fuzzers: $(fuzzers)
FUZZ_S ?= 20
fuzz: $(BUILD)/.deps-test
	@$(MAKE) --no-print-directory fuzzers BUILD=build/clang CC=clang SAN=fuzzer-no-link,address,undefined
	@sh tests/fuzz/run.sh build/clang/fuzz $(FUZZ_S)

lint: $(BUILD)/.deps-test
	@sh etc/lint.sh
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

# --- installing ---

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(SYSCONF)/wxchat \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/share/doc/wxchat $(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(DESTDIR)$(PREFIX)/lib/sysusers.d $(addprefix $(DESTDIR)$(PREFIX)/share/doc/wxchat/,docs etc/examples etc/packaging miniprogram)
	install -m 755 $(BUILD)/bin/fcgi-login $(BUILD)/bin/push-server $(DESTDIR)$(PREFIX)/sbin
	install -m 755 $(BUILD)/bin/wxchatctl $(DESTDIR)$(PREFIX)/bin
	test -e $(DESTDIR)$(SYSCONF)/wxchat/wxchat.conf || \
		install -m 640 etc/wxchat.conf $(DESTDIR)$(SYSCONF)/wxchat/wxchat.conf
	install -m 644 etc/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 README.md README.zh-CN.md CONTRIBUTING.md LICENSE etc/lighttpd.conf etc/apache.conf etc/nginx.conf \
		$(DESTDIR)$(PREFIX)/share/doc/wxchat
	for f in lighttpd apache nginx; do ln -sf ../$$f.conf $(DESTDIR)$(PREFIX)/share/doc/wxchat/etc/$$f.conf; done
	install -m 644 docs/* $(DESTDIR)$(PREFIX)/share/doc/wxchat/docs
	install -m 644 miniprogram/*.md $(DESTDIR)$(PREFIX)/share/doc/wxchat/miniprogram
	install -m 644 etc/packaging/README.md $(DESTDIR)$(PREFIX)/share/doc/wxchat/etc/packaging
	install -m 644 etc/examples/* $(DESTDIR)$(PREFIX)/share/doc/wxchat/etc/examples
	for u in etc/systemd/*.service etc/systemd/*.socket; do \
		sed 's|@PREFIX@|$(PREFIX)|g' $$u > $(DESTDIR)$(PREFIX)/lib/systemd/system/$${u##*/}; done
	install -m 644 etc/systemd/wxchat.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/wxchat.conf
uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,sbin/fcgi-login sbin/push-server bin/wxchatctl)
	for f in etc/man/*.8; do rm -f $(DESTDIR)$(PREFIX)/share/man/man8/$${f##*/}; done
	for u in etc/systemd/*.service etc/systemd/*.socket; do rm -f $(DESTDIR)$(PREFIX)/lib/systemd/system/$${u##*/}; done
	rm -f $(DESTDIR)$(PREFIX)/lib/sysusers.d/wxchat.conf
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/wxchat
clean:
	rm -rf build
help:
	@sed -n '2,8p' Makefile
	@echo "#   make unit fuzz soak fault lint format preview deps clean"

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

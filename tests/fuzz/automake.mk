# SPDX-License-Identifier: Apache-2.0

# Targets for libFuzzer, which tests/dptest replays the corpora of.
fuzz_targets = \
	tests/fuzz/fuzz-actions.c \
	tests/fuzz/fuzz-attrs.c \
	tests/fuzz/fuzz-attrs.h \
	tests/fuzz/fuzz-ct-ftp.c \
	tests/fuzz/fuzz-ct.c \
	tests/fuzz/fuzz-edit.c \
	tests/fuzz/fuzz-key.c \
	tests/fuzz/fuzz-pipe.c \
	tests/fuzz/fuzz-rte.c \
	tests/fuzz/fuzz-simnic.c \
	tests/fuzz/fuzz.c \
	tests/fuzz/fuzz.h \
	tests/pipe/pipe-rig.c
fuzz_simnic = \
	drivers/net/simnic/simnic-key.c \
	drivers/net/simnic/simnic-match.c
tests_dptest_SOURCES += \
	$(fuzz_targets) \
	$(fuzz_simnic) \
	tests/fuzz/fuzz-replay.c
EXTRA_DIST += \
	tests/fuzz/corpus \
	tests/fuzz/fuzz-main.c \
	tests/fuzz/fuzz-run

# The same with clang, however the tree was configured.  Open vSwitch's
# libraries are as they are, without sanitizers.
FUZZ_CC = clang
FUZZ_CFLAGS = -g -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
fuzz_sources = \
	$(filter %.c,$(lib_libmarkpath_a_SOURCES) $(fuzz_targets)) \
	$(fuzz_simnic) tests/ct/ct-frame.c tests/fuzz/fuzz-main.c
fuzz_objects = $(fuzz_sources:%.c=tests/fuzz/obj/%.o)
tests/fuzz/obj/%.o: %.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(FUZZ_CC) $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) \
		$(CPPFLAGS) $(MARKPATH_CPU) -fno-strict-aliasing \
		$(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -MMD -c -o $@ $<
tests/fuzz/fuzz: $(fuzz_objects) ofproto/libmarkofproto.a $(OVS_ARCHIVES)
	$(AM_V_CCLD)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(LDFLAGS) \
		$(OVS_LDFLAGS) -o $@ $(fuzz_objects) $(WHOLE_ARCHIVE) \
		ofproto/libmarkofproto.a $(NO_WHOLE_ARCHIVE) $(ovs_libs) \
		$(LIBS)
-include $(fuzz_objects:.o=.d)

fuzz fuzz-merge: tests/fuzz/fuzz
	@test -n "$(TARGET)" || { echo "make $@ TARGET=NAME; targets:" \
		`cd $(srcdir)/tests/fuzz/corpus && echo *`; exit 1; }
	$(PYTHON3) $(srcdir)/tests/fuzz/fuzz-run --program=tests/fuzz/fuzz \
		--corpus=$(srcdir)/tests/fuzz/corpus --found=tests/fuzz/found \
		$(if $(filter fuzz-merge,$@),--merge,--time=$(or $(TIME),60)) \
		$(TARGET)
.PHONY: fuzz fuzz-merge
clean-local: clean-fuzz
clean-fuzz:
	rm -rf tests/fuzz/obj tests/fuzz/fuzz
.PHONY: clean-fuzz

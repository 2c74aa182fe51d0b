# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/ct/ct-buckets.c \
	lib/ct/ct-buckets.h \
	lib/ct/ct-clean.c \
	lib/ct/ct-clean.h \
	lib/ct/ct-commit.c \
	lib/ct/ct-commit.h \
	lib/ct/ct-conn.c \
	lib/ct/ct-conn.h \
	lib/ct/ct-control.c \
	lib/ct/ct-control.h \
	lib/ct/ct-execute.c \
	lib/ct/ct-expect.c \
	lib/ct/ct-expect.h \
	lib/ct/ct-ftp.c \
	lib/ct/ct-ftp.h \
	lib/ct/ct-helper.c \
	lib/ct/ct-helper.h \
	lib/ct/ct-key.c \
	lib/ct/ct-key.h \
	lib/ct/ct-log.c \
	lib/ct/ct-log.h \
	lib/ct/ct-nat.c \
	lib/ct/ct-nat.h \
	lib/ct/ct-pages.c \
	lib/ct/ct-pages.h \
	lib/ct/ct-packet.c \
	lib/ct/ct-packet.h \
	lib/ct/ct-policy.c \
	lib/ct/ct-policy.h \
	lib/ct/ct-ports.c \
	lib/ct/ct-ports.h \
	lib/ct/ct-slab.c \
	lib/ct/ct-slab.h \
	lib/ct/ct-spin.h \
	lib/ct/ct-state.c \
	lib/ct/ct-state.h \
	lib/ct/ct-table.c \
	lib/ct/ct-table.h \
	lib/ct/ct-tcp.c \
	lib/ct/ct-tcp.h \
	lib/ct/ct-zone.c \
	lib/ct/ct-zone.h \
	lib/ct/ct.c \
	lib/ct/ct.h

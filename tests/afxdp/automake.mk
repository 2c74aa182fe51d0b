# SPDX-License-Identifier: Apache-2.0

if XDP
tests_dptest_SOURCES += \
	tests/afxdp/test-await.c \
	tests/afxdp/test-umem.c \
	tests/afxdp/test-xsk.c
endif

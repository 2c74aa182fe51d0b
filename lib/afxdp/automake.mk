# SPDX-License-Identifier: Apache-2.0

if XDP
lib_libmarkpath_a_SOURCES += \
	lib/afxdp/dp-afxdp-port.c \
	lib/afxdp/dp-afxdp-port.h \
	lib/afxdp/dp-afxdp.c \
	lib/afxdp/dp-umem.c \
	lib/afxdp/dp-umem.h \
	lib/afxdp/dp-xsk.c \
	lib/afxdp/dp-xsk.h
endif

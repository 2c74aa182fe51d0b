# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/rebalance/dp-rebalance-policy.c \
	lib/rebalance/dp-rebalance-policy.h \
	lib/rebalance/dp-rebalance.c \
	lib/rebalance/dp-rebalance.h

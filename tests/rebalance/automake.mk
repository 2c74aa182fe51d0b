# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/rebalance/test-rebalance-engine.c \
	tests/rebalance/test-rebalance-policy.c \
	tests/rebalance/test-rebalance-simnic.c

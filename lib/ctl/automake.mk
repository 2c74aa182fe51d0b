# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES +=

# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	Documentation/intro/dependencies.rst

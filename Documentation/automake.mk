# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	Documentation/howto/simnic.rst \
	Documentation/internals/conformance.rst \
	Documentation/internals/offload.rst \
	Documentation/internals/upcalls.rst \
	Documentation/intro/dependencies.rst \
	Documentation/principles.rst \
	Documentation/topics/rebalancing.rst \
	Documentation/tour.rst

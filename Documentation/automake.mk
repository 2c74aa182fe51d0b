# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	Documentation/howto/install.rst \
	Documentation/howto/simnic.rst \
	Documentation/howto/xdp.rst \
	Documentation/internals/afxdp.rst \
	Documentation/internals/conformance.rst \
	Documentation/internals/conntrack.rst \
	Documentation/internals/datapath.rst \
	Documentation/internals/merge.rst \
	Documentation/internals/offload.rst \
	Documentation/internals/upcalls.rst \
	Documentation/internals/versions.rst \
	Documentation/internals/xdp.rst \
	Documentation/intro/dependencies.rst \
	Documentation/principles.rst \
	Documentation/topics/performance-table.rst \
	Documentation/topics/performance-table-3.5.rst \
	Documentation/topics/performance.rst \
	Documentation/topics/performance.svg \
	Documentation/topics/merging.rst \
	Documentation/topics/rebalancing.rst \
	Documentation/tour.rst

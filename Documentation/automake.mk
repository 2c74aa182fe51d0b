# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	Documentation/architecture.svg \
	Documentation/conf.py \
	Documentation/contributing.rst \
	Documentation/flow.svg \
	Documentation/howto/afxdp.rst \
	Documentation/howto/dpdk.rst \
	Documentation/howto/extend.rst \
	Documentation/howto/ovn.rst \
	Documentation/howto/install.rst \
	Documentation/howto/simnic.rst \
	Documentation/index.rst \
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
	Documentation/news.rst \
	Documentation/principles.rst \
	Documentation/savings.svg \
	Documentation/topics/growth.svg \
	Documentation/topics/merging.rst \
	Documentation/topics/metrics.rst \
	Documentation/topics/performance-table-3.5.rst \
	Documentation/topics/performance-table.rst \
	Documentation/topics/performance.rst \
	Documentation/topics/performance.svg \
	Documentation/topics/rebalancing.rst \
	Documentation/topics/top.rst \
	Documentation/topics/troubleshooting.rst \
	Documentation/topics/tuning.rst \
	Documentation/tour.rst

# HTML of these pages.  A warning is an error.
SPHINXBUILD = sphinx-build
docs:
	@if ! command -v $(SPHINXBUILD) >/dev/null; then \
	    echo "docs: skipped, needs Sphinx: apt-get install python3-sphinx"; \
	else \
	    $(SPHINXBUILD) -q -W --keep-going -d docs/doctrees \
	        $(srcdir)/Documentation docs/html && \
	    echo "docs/html/index.html is there"; \
	fi
.PHONY: docs

# Do the pages tell the truth, as far as a program can see?  Those of howto/
# are run.  DOCSFLAGS may hold options for tests/docs/run-pages.
EXTRA_DIST += \
	tests/docs/check-pages \
	tests/docs/run-pages
DOCSFLAGS =
check-docs: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@status=0; \
	PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/docs/check-pages $(srcdir) $(OVS_SOURCE) \
		|| status=1; \
	PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/docs/run-pages \
		--run=$(srcdir)/utilities/markpath-run-none \
		--plugin=$(simnic_path) \
		--run-options="--source=$(OVS_SOURCE) --build=$(OVS_BUILD) \
		    --plugin=$(simnic_path) \
		    --vswitchd=$(abs_builddir)/vswitchd/ovs-vswitchd$(EXEEXT)" \
		$(DOCSFLAGS) $(srcdir)/Documentation/howto/*.rst || status=1; \
	exit $$status
.PHONY: check-docs

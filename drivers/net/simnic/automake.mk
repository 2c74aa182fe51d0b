# The emulated NIC: a plugin for programs that use DPDK as a shared library.

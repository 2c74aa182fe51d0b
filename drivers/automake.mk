# SPDX-License-Identifier: Apache-2.0
#
# Drivers for other programs, each with its own build rules.
include drivers/net/simnic/automake.mk

# SPDX-License-Identifier: Apache-2.0
#
# Drivers for other programs, each with its own build rules.

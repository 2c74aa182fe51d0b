/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-order.h"

#include "random.h"
#include "tests/dptest.h"
#include "util.h"

/* Who waits is who has the hash of somebody before, and nobody else, however
 * alike hashes are. */
static void
test_order_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int i = 0; i < DPTEST_MANY(100000); i++) {
        uint32_t before[NETDEV_MAX_BURST];
        struct dp_order order;

        dp_order_init(&order);
        for (int n = 0; n < NETDEV_MAX_BURST; n++) {
            uint32_t hash = random_range(8) + (random_range(8) << 6);
            bool expect = false;

            for (int j = 0; j < n; j++) {
                expect |= before[j] == hash;
            }
            ovs_assert(dp_order_has(&order, hash) == expect);
            dp_order_add(&order, hash);
            before[n] = hash;
        }
    }
}
DPTEST_REGISTER("order", test_order_main);

/* SPDX-License-Identifier: Apache-2.0 */

/* How ports come and go: the check of DPDK's ABI, a second open, removal
 * while other threads poll, send and set rules, a card that is pulled out. */

#include "test-simnic-flow.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_version.h>

#include "simnic-abi.h"
#include "simnic-port-rig.h"

/* A DPDK that is not there: 'devices' of 'stride' bytes, whose data have
 * their members 'shift' bytes further on. */
struct fake {
    char *devices;
    char *data;
    size_t stride;
};

static void
fake_init(struct fake *f, size_t stride, size_t index)
{
    struct rte_eth_dev_data *data;

    f->stride = stride;
    f->devices = calloc(RTE_MAX_ETHPORTS, stride);
    f->data = calloc(1, sizeof *data + 64);
    data = (struct rte_eth_dev_data *) f->data;
    strcpy(data->name, "net_simnic3");
    data->mtu = RTE_ETHER_MTU;
    data->port_id = index;
    data->backer_port_id = RTE_MAX_ETHPORTS;
    memcpy(f->devices + index * stride + offsetof(struct rte_eth_dev, data),
           &f->data, sizeof f->data);
}

/* Returns the reason why the DPDK of 'f' is refused, or "". */
static const char *
fake_check(const struct fake *f, size_t index)
{
    static char why[200];
    const struct rte_eth_dev *devices = (const void *) f->devices;
    const struct rte_eth_dev *dev
        = (const void *) (f->devices + index * f->stride);
    int retval;

    why[0] = '\0';
    retval = simnic_abi_check_layout(devices, dev, "net_simnic3", why,
                                     sizeof why);
    CHECK(retval == (why[0] ? EPROTO : 0));
    return why;
}

/* Moves the bytes of the data from 'ofs' on by 8, as a new member would. */
static void
fake_insert(struct fake *f, size_t ofs)
{
    memmove(f->data + ofs + 8, f->data + ofs,
            sizeof(struct rte_eth_dev_data) - ofs);
    memset(f->data + ofs, 0, 8);
}

void
test_abi(void)
{
    static const struct {
        size_t ofs;
        const char *why;
    } moved[] = {
        { offsetof(struct rte_eth_dev_data, name), ".name" },
        { offsetof(struct rte_eth_dev_data, mtu), ".mtu" },
        { offsetof(struct rte_eth_dev_data, port_id), ".port_id" },
        { offsetof(struct rte_eth_dev_data, backer_port_id), ".backer_" },
    };
    char why[200];
    struct fake f;

    CHECK(!simnic_abi_check_version(rte_version(), why, sizeof why));
#ifndef HAVE_DPDK_DRIVER_SDK
    char release[8];

    snprintf(release, sizeof release, "%02d.%02d", RTE_VER_YEAR,
             RTE_VER_MONTH);
    static const char *const others[] = {
        "DPDK 21.11.2", "DPDK 22.07.0", "DPDK 22.12.0", "DPDK 23.11.0-rc1",
        "22.11.0", "",
    };
    for (size_t i = 0; i < RTE_DIM(others); i++) {
        CHECK(simnic_abi_check_version(others[i], why, sizeof why)
              == EPROTO);
        CHECK(strstr(why, others[i]) && strstr(why, release));
    }
#endif

    /* As it should be; with members moved; with another size. */
    fake_init(&f, sizeof(struct rte_eth_dev), 3);
    CHECK(!fake_check(&f, 3)[0]);
    CHECK(strstr(fake_check(&f, 2), "rte_eth_dev.data"));
    for (size_t i = 0; i < RTE_DIM(moved); i++) {
        free(f.devices);
        free(f.data);
        fake_init(&f, sizeof(struct rte_eth_dev), 3);
        fake_insert(&f, moved[i].ofs);
        CHECK(strstr(fake_check(&f, 3), moved[i].why));
    }
    free(f.devices);
    free(f.data);
    fake_init(&f, sizeof(struct rte_eth_dev) + 64, 3);
    CHECK(strstr(fake_check(&f, 3), "size of rte_eth_dev"));
    free(f.devices);
    free(f.data);
}

void
test_second_open(void)
{
    uint16_t port = open_port("net_simnic0", "streams=10,megaflows=10");
    struct rte_mbuf *pkts[MAX];
    unsigned int n;

    /* The same name again; started again; set up again while it runs. */
    CHECK(rte_vdev_init("net_simnic0", "mode=sink") == -EEXIST);
    CHECK(!rte_eth_dev_start(port));
    CHECK(rte_eth_rx_queue_setup(port, 0, 128, 0, NULL, pool) == -EBUSY);
    n = receive(port, 0, pkts, 20);
    CHECK(n == 20);
    rte_pktmbuf_free_bulk(pkts, n);

    /* Stopped twice, set up twice, started again. */
    CHECK(!rte_eth_dev_stop(port));
    CHECK(!rte_eth_dev_stop(port));
    CHECK(!start_port(port, 2, 0));
    CHECK(!rte_eth_dev_stop(port));
    CHECK(!start_port(port, 1, 0));
    n = receive(port, 0, pkts, 20);
    CHECK(n == 20);
    rte_pktmbuf_free_bulk(pkts, n);
    close_port(port);
    CHECK(rte_vdev_uninit("net_simnic0"));
}

static volatile bool stop_threads;
static volatile uint64_t n_polled;

static void *
poll_ports(void *ports_)
{
    const uint16_t *ports = ports_;
    struct rte_mbuf *pkts[32];

    while (!stop_threads) {
        for (unsigned int i = 0; i < 2; i++) {
            uint16_t n = rte_eth_rx_burst(ports[i], 0, pkts, 32);

            n_polled += n;
            if (n) {
                uint16_t sent = rte_eth_tx_burst(ports[!i], 0, pkts, n);

                rte_pktmbuf_free_bulk(pkts + sent, n - sent);
            }
        }
    }
    return NULL;
}

/* The device goes while another thread forwards from it and to it. */
void
test_unplug(void)
{
    static const char *const modes[][2] = {
        { "streams=100,megaflows=10", "mode=sink" },
        { "streams=100,megaflows=10,inflight=64,fill=1", "mode=sink" },
        { "mode=gen", "mode=pair,link=u" },
        { "mode=ring", "mode=ring" },
        { "mode=pair,link=u", "mode=pair,link=u" },
    };
    int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    uint16_t ports[2];
    pthread_t thread;
    struct rule r;

    /* ethdev complains, at length, that ports are polled that are gone. */
    dup2(null, STDERR_FILENO);
    for (unsigned int k = 0; k < 40; k++) {
        const char *const *mode = modes[k % RTE_DIM(modes)];

        ports[0] = open_port("net_simnic0", mode[0]);
        ports[1] = open_port("net_simnic1", mode[1]);
        for (unsigned int i = 0; i < 2; i++) {
            rule_init(&r, 0);
            rule_act(&r, RTE_FLOW_ACTION_TYPE_DEC_TTL, NULL);
            rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
            CHECK(rule_create(ports[i], &r));
        }
        if (strstr(mode[0], "ring") || strstr(mode[0], "pair")) {
            struct rte_mbuf *m = make_packet(DST(0));

            CHECK(rte_eth_tx_burst(ports[0], 0, &m, 1) == 1);
        }
        stop_threads = false;
        n_polled = 0;
        CHECK(!pthread_create(&thread, NULL, poll_ports, ports));
        for (unsigned int i = 0; i < 1000 && n_polled < 1000; i++) {
            rte_delay_us_sleep(1000);
        }
        CHECK(n_polled >= 1000);
        CHECK(!rte_vdev_uninit(k % 2 ? "net_simnic0" : "net_simnic1"));
        CHECK(!rte_vdev_uninit(k % 2 ? "net_simnic1" : "net_simnic0"));
        stop_threads = true;
        pthread_join(thread, NULL);
        CHECK(!rte_eth_dev_is_valid_port(ports[0]));
        CHECK(!rte_eth_dev_is_valid_port(ports[1]));
    }
    dup2(err, STDERR_FILENO);
    close(err);
    close(null);
}

static int
note_removal(uint16_t port, enum rte_eth_event_type type, void *aux,
             void *ret)
{
    (void) type;
    (void) ret;
    *(uint16_t *) aux = port;
    return 0;
}

/* The card is pulled out while it is polled; its event is delivered. */
void
test_pulled_out(void)
{
    static const char *const modes[2] = {
        "streams=10,removal-ms=30", "mode=ring,removal-ms=30",
    };
    struct rte_flow *flow;
    struct rte_mbuf *m;
    struct rule r;

    for (unsigned int k = 0; k < 2; k++) {
        uint16_t event = UINT16_MAX;
        uint16_t ports[2];
        pthread_t thread;

        ports[1] = open_port("net_simnic1", "mode=sink");
        ports[0] = add_port("net_simnic0", modes[k]);
        CHECK(!rte_eth_dev_callback_register(
                  ports[0], RTE_ETH_EVENT_INTR_RMV, note_removal, &event));
        CHECK(!start_port(ports[0], 1, 0));
        rule_init(&r, 0);
        rule_act(&r, RTE_FLOW_ACTION_TYPE_COUNT, NULL);
        flow = rte_flow_create(ports[0], &r.attr, r.item, r.action, &error);
        stop_threads = false;
        CHECK(!pthread_create(&thread, NULL, poll_ports, ports));
        CHECK(wait_until_removed(ports[0]));
        for (unsigned int i = 0; i < 1000 && event == UINT16_MAX; i++) {
            rte_delay_us_sleep(1000);
        }
        CHECK(event == ports[0]);
        stop_threads = true;
        pthread_join(thread, NULL);

        CHECK(!receive(ports[0], 0, &m, 1));
        CHECK(!rte_flow_create(ports[0], &r.attr, r.item, r.action, &error));
        CHECK(error.type && error.message);
        CHECK(!flow || rte_flow_destroy(ports[0], flow, &error) == -EIO);
        CHECK(!rte_eth_dev_stop(ports[0]));
        CHECK(rte_eth_dev_start(ports[0]) == -EIO);
        rte_eth_dev_callback_unregister(ports[0], RTE_ETH_EVENT_INTR_RMV,
                                        note_removal, &event);
        close_port(ports[0]);
        close_port(ports[1]);
    }
}

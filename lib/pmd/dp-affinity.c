/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-affinity.h"

#include <limits.h>

#include "netdev.h"
#include "ovs-numa.h"
#include "util.h"
#include "flow/dp-log.h"
#include "pmd/dp-port.h"

#define BLANKS " \t\r\n"

/* Reads a number at 's' that can be a queue or a core, and the blanks around
 * it.  Returns the first character after that, or NULL. */
static const char *
parse_id(const char *s, unsigned int *id)
{
    unsigned long long int value = 0;
    const char *start;

    s += strspn(s, BLANKS);
    for (start = s; *s >= '0' && *s <= '9'; s++) {
        value = MIN(value * 10 + (*s - '0'), UINT_MAX);
    }
    if (s == start || value >= OVS_CORE_UNSPEC) {
        return NULL;
    }
    *id = value;
    return s + strspn(s, BLANKS);
}

static void
unpin(unsigned int *pins, size_t n_rxq)
{
    for (size_t i = 0; i < n_rxq; i++) {
        pins[i] = OVS_CORE_UNSPEC;
    }
}

char *
dp_affinity_parse(const char *list, unsigned int *pins, size_t n_rxq)
{
    const char *s = list ? list : "";

    unpin(pins, n_rxq);
    while (*(s += strspn(s, "," BLANKS))) {
        const char *pair = s;
        unsigned int queue, core;

        s = parse_id(s, &queue);
        s = s && *s == ':' ? parse_id(s + 1, &core) : NULL;
        if (!s || (*s && *s != ',' && !strchr(BLANKS, s[-1]))) {
            unpin(pins, n_rxq);
            return xasprintf("pmd-rxq-affinity is '%s', but must be a list of "
                             "QUEUE:CORE pairs with commas between (bad at "
                             "'%s'); no queue is pinned", list, pair);
        }
        if (queue < n_rxq) {
            pins[queue] = core;
        }
    }
    return NULL;
}

/* Sets the pinned core of each queue of 'port' from its affinity list. */
void
dp_affinity_apply(struct dp_port *port)
{
    unsigned int *pins = xmalloc(port->n_rxq * sizeof *pins);
    char *problem = dp_affinity_parse(port->affinity, pins, port->n_rxq);

    for (int i = 0; i < port->n_rxq; i++) {
        port->rxqs[i].pinned_core = pins[i];
    }
    if (problem) {
        VLOG_ERR("%s: %s", netdev_get_name(port->netdev), problem);
    }
    free(problem);
    free(pins);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The threads poll.  Lanes only insert into a lock-free queue and never make
 * a system call to wake anybody; a worker that finds nothing sleeps for
 * DP_WORKER_SLEEP_MIN_US first and for twice as long each time, so that the
 * delay of a lonely flow is bounded by DP_WORKER_SLEEP_MAX_US and that of one
 * in a stream of many by the former.
 *
 * A worker quiesces while it sleeps, and between batches when the last time
 * was DP_WORKER_QUIESCE_US ago: to do it after each operation would cost more
 * than the operation.  A provider that takes long shrinks the batch, down to
 * one operation, so that the time between two chances to quiesce, to remove a
 * port, or to stop the thread is not a multiple of its delay. */

#include <config.h>
#include "offload/dp-offload-worker.h"

#include <errno.h>

#include "coverage.h"
#include "hash.h"
#include "offload/dp-mark-watch.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-offload-step.h"
#include "offload/dp-port-life.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_offload_worker);

#define DP_WORKER_SLEEP_MIN_US 50
#define DP_WORKER_SLEEP_MAX_US 16000
#define DP_WORKER_QUIESCE_US 10000
#define DP_WORKER_SLOW_US 5000          /* A call that shrinks the batch. */
#define DP_WORKER_QUERY_US 500000       /* Between two sweeps. */
#define DP_WORKER_REAP_US 1000
#define DP_WORKER_PROBE_US 1000000
#define DP_WORKER_HALVED_US 1000000     /* Between two attempts of rules to run
                                         * whole that find no room. */
#define DP_WORKER_MAX_HALVED 8          /* In one attempt. */
#define DP_WORKER_MAX_OPS 1024          /* In progress at one time. */
#define DP_WORKER_MAX_PORTS 64          /* Polled in one round. */

/* Operations. */

static struct dp_offload_op *
dp_worker_op_get(struct dp_offload_worker *worker)
{
    struct dp_offload_op *op;

    if (ovs_list_is_empty(&worker->free_ops)) {
        op = xmalloc(sizeof *op);
        op->worker = worker;
    } else {
        op = CONTAINER_OF(ovs_list_pop_front(&worker->free_ops),
                          struct dp_offload_op, node);
    }
    return op;
}

static void
dp_worker_op_put(struct dp_offload_worker *worker, struct dp_offload_op *op)
{
    ovs_list_push_front(&worker->free_ops, &op->node);
}

bool
dp_offload_op_describe(struct dp_offload_op *op, struct match *match,
                       struct ofpbuf *actions)
{
    const struct dp_offload_env *env = &op->worker->offload->env;
    size_t ofs = actions->size;

    if (!env->flow_describe(env->aux, op->flow, match, actions)) {
        op->gone = true;
        return false;
    }
    op->actions_hash = dp_rule_hash_actions(actions, ofs);
    return true;
}

static void
dp_worker_op_done(struct dp_offload_worker *worker, struct dp_offload_op *op)
{
    ovs_assert(op->error != EINPROGRESS);
    dp_rule_done(worker, op);
    dp_worker_op_put(worker, op);
}

void
dp_offload_op_complete(struct dp_offload_op *op)
{
    struct dp_offload_worker *worker = op->worker;

    if (worker) {
        ovs_list_remove(&op->node);
        worker->n_ops--;
        dp_worker_op_done(worker, op);
    }
}

/* Finds out whether the rule of 'op' could run whole with its present
 * actions. */
static void
dp_worker_plan(struct dp_offload_op *op)
{
    const struct dp_offload_class *class = op->port->class;
    struct ofpbuf actions;
    struct match match;

    ofpbuf_init(&actions, 256);
    if (!dp_offload_op_describe(op, &match, &actions)) {
        op->error = ENOENT;
    } else if (class->plan
               && class->plan(op->port->aux, op, &match, &actions)) {
        op->level = DP_OFFLOAD_WHOLE;
    } else {
        op->level = DP_OFFLOAD_MARKED;
        op->why = op->why ? op->why : DP_OFFLOAD_WHY_A_MARK_ONLY;
    }
    ofpbuf_uninit(&actions);
}

/* Hands 'n' operations, all 'step' and of one port, to the provider. */
static void
dp_worker_call(struct dp_offload_worker *worker, enum dp_rule_step step,
               struct dp_offload_op *ops[], size_t n)
{
    const struct dp_offload_class *class = ops[0]->port->class;
    void *aux = ops[0]->port->aux;
    uint64_t start_us = dp_offload_now_us();
    uint64_t took_us;

    switch (step) {
    case DP_RULE_PUT:
        class->put(aux, ops, n);
        break;
    case DP_RULE_DEL:
        class->del(aux, ops, n);
        break;
    case DP_RULE_QUERY:
        class->query(aux, ops, n);
        break;
    case DP_RULE_PLAN:
        for (size_t i = 0; i < n; i++) {
            dp_worker_plan(ops[i]);
        }
        break;
    case DP_RULE_NOTHING:
    case DP_RULE_FREED:
        OVS_NOT_REACHED();
    }

    took_us = dp_offload_now_us() - start_us;
    if (took_us > DP_WORKER_SLOW_US) {
        worker->batch = MAX(n / 2, 1);
    } else if (worker->batch < DP_OFFLOAD_BATCH) {
        worker->batch++;
    }

    for (size_t i = 0; i < n; i++) {
        if (ops[i]->error == EINPROGRESS) {
            ovs_list_push_back(&worker->ops, &ops[i]->node);
            worker->n_ops++;
        } else {
            dp_worker_op_done(worker, ops[i]);
        }
    }
}

/* Hands operations to the providers: removals first, because they make
 * room. */
static void
dp_worker_submit(struct dp_offload_worker *worker,
                 struct dp_offload_op *ops[], size_t n)
{
    static const enum dp_rule_step order[] = {
        DP_RULE_DEL, DP_RULE_PLAN, DP_RULE_PUT, DP_RULE_QUERY
    };

    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        for (size_t j = 0; j < n; j++) {
            struct dp_offload_op *batch[DP_OFFLOAD_BATCH];
            size_t n_batch = 0;

            if (!ops[j] || ops[j]->step != order[i]) {
                continue;
            }
            for (size_t k = j; k < n; k++) {
                if (ops[k] && ops[k]->step == order[i]
                    && (!n_batch || ops[k]->port == batch[0]->port)) {
                    batch[n_batch++] = ops[k];
                    ops[k] = NULL;
                }
            }
            dp_worker_call(worker, order[i], batch, n_batch);
        }
    }
}

/* Jobs. */

/* Looks at 'max' ready rules of 'queue' at most.  Returns how many. */
static size_t
dp_worker_run_queue(struct dp_offload_worker *worker,
                    struct mpsc_queue *queue, size_t max)
    OVS_REQUIRES(queue->read_lock)
{
    struct dp_offload_op *ops[DP_OFFLOAD_BATCH];
    struct dp_offload_op *op = NULL;
    size_t n_ops = 0;
    size_t n = 0;

    while (n < max && worker->n_ops + n_ops < DP_WORKER_MAX_OPS) {
        struct mpsc_queue_node *node = mpsc_queue_pop(queue);
        struct dp_offload_shard *shard;
        struct dp_offload_rule *rule;
        enum dp_rule_step step;
        uint64_t orig;

        if (!node) {
            break;
        }
        if (!op) {
            op = dp_worker_op_get(worker);
        }
        rule = CONTAINER_OF(node, struct dp_offload_rule, ready_node);
        shard = rule->shard;

        ovs_mutex_lock(&shard->mutex);
        dp_rule_is_locked(rule, shard);
        rule->ready = false;
        step = dp_rule_next(worker, rule, op);
        if (step == DP_RULE_NOTHING && !dp_rule_state_is_busy(rule->state)) {
            dp_rule_set_flushing(worker->offload, rule, false);
        }
        ovs_mutex_unlock(&shard->mutex);

        if (step == DP_RULE_NOTHING || step == DP_RULE_FREED) {
            atomic_sub_explicit(&worker->n_pending, 1, &orig,
                                memory_order_acq_rel);
        } else {
            ops[n_ops++] = op;
            op = NULL;
        }
        n++;
    }
    if (op) {
        dp_worker_op_put(worker, op);
    }
    dp_worker_submit(worker, ops, n_ops);

    return n;
}

/* Looks at a batch of changes and, if there are no more, one of arrivals;
 * otherwise at one arrival, for changes may come all the time.  Returns the
 * number of rules. */
static size_t
dp_worker_run_queues(struct dp_offload_worker *worker)
    OVS_REQUIRES(worker->changes.read_lock, worker->arrivals.read_lock)
{
    size_t n = dp_worker_run_queue(worker, &worker->changes, worker->batch);

    return n + dp_worker_run_queue(worker, &worker->arrivals,
                                   n < worker->batch ? worker->batch : 1);
}

/* Completes what is in progress. */
static void
dp_worker_run_poll(struct dp_offload_worker *worker)
{
    struct dp_offload_port *ports[DP_WORKER_MAX_PORTS];
    struct dp_offload_op *op;
    size_t n = 0;

    LIST_FOR_EACH (op, node, &worker->ops) {
        size_t i;

        for (i = 0; i < n && ports[i] != op->port; i++) {
            continue;
        }
        if (i == n && n < ARRAY_SIZE(ports)) {
            ports[n++] = op->port;
        }
    }

    /* A port with an operation in progress can't go. */
    for (size_t i = 0; i < n; i++) {
        ports[i]->class->poll(ports[i]->aux);
    }
}

static void
dp_worker_ready(struct dp_offload_rule *rule)
{
    struct dp_offload_shard *shard = rule->shard;

    ovs_mutex_lock(&shard->mutex);
    dp_rule_is_locked(rule, shard);
    dp_rule_ready(rule);
    ovs_mutex_unlock(&shard->mutex);
}

/* Looks again at 'max' rules at most whose time has come.  Returns how
 * many. */
static size_t
dp_worker_run_retries(struct dp_offload_worker *worker, uint64_t now_us,
                      size_t max)
{
    size_t n;

    for (n = 0; n < max && !heap_is_empty(&worker->retries); n++) {
        struct heap_node *node = heap_max(&worker->retries);
        struct dp_offload_rule *rule;

        if (UINT64_MAX - node->priority > now_us) {
            break;
        }
        rule = CONTAINER_OF(node, struct dp_offload_rule, retry_node);
        heap_remove(&worker->retries, node);
        node->idx = 0;
        dp_worker_ready(rule);
    }
    return n;
}

/* Wakes 'n' rules in 'room', which then stand behind the others, until they
 * are looked at. */
static void
dp_worker_wake(struct dp_places_room *room, size_t n)
{
    while (n-- && !ovs_list_is_empty(&room->line)) {
        struct dp_offload_rule *rule
            = CONTAINER_OF(ovs_list_pop_front(&room->line),
                           struct dp_offload_rule, seat.node);

        ovs_list_push_back(&room->line, &rule->seat.node);
        dp_worker_ready(rule);
    }
}

/* Wakes rules that wait for room, for a mark, or for a NIC that was busy; each
 * time no more than a batch, so that they are looked at before others are
 * woken.  With 'probe' one goes to see whether there is room that nobody has
 * told us about. */
static void
dp_worker_run_rooms(struct dp_offload_worker *worker, uint64_t now_us,
                    bool probe)
{
    struct dp_offload_port *port;
    uint64_t n_freed;

    atomic_read_relaxed(&worker->offload->marks->n_returned, &n_freed);
    dp_worker_wake(&worker->markless,
                   dp_places_room_take(&worker->markless, n_freed,
                                       worker->batch));
    CMAP_FOR_EACH (port, node, &worker->offload->ports) {
        struct dp_places_room *full = &port->full[worker->id];
        struct dp_places_room *busy = &port->busy[worker->id];
        size_t n;

        if (port->class) {
            atomic_read_relaxed(&port->table->n_freed, &n_freed);
            n = dp_places_room_take(full, n_freed, worker->batch);
            dp_worker_wake(full, MAX(n, probe));
            n = dp_places_room_try(busy, now_us, worker->batch);
            dp_worker_wake(busy, n);
        }
    }
}

/* Lets rules that mark for want of room try to run whole, if whole rules have
 * left their port.  They are taken out for that, so there are few at a time;
 * more, as long as they find room. */
static void
dp_worker_run_halved(struct dp_offload_worker *worker, uint64_t now_us)
{
    struct dp_offload_port *port;

    CMAP_FOR_EACH (port, node, &worker->offload->ports) {
        struct dp_offload_halved *halved = &port->halved[worker->id];
        uint64_t n_left;

        atomic_read_relaxed(&port->n_whole_left, &n_left);
        if (ovs_list_is_empty(&halved->rules)
            || n_left == halved->n_left_seen || now_us < halved->when_us) {
            continue;
        }
        halved->n_left_seen = n_left;
        halved->when_us = now_us + DP_WORKER_HALVED_US;
        for (int i = 0; i < DP_WORKER_MAX_HALVED
                        && !ovs_list_is_empty(&halved->rules); i++) {
            struct dp_offload_rule *rule
                = CONTAINER_OF(ovs_list_pop_front(&halved->rules),
                               struct dp_offload_rule, whole_node);

            ovs_list_init(&rule->whole_node);
            rule->replace = true;
            dp_worker_ready(rule);
        }
    }
}

/* Wakes all rules in 'room' for good. */
static void
dp_worker_clear_room(struct dp_places_room *room)
{
    struct dp_offload_rule *rule;

    LIST_FOR_EACH_POP (rule, seat.node, &room->line) {
        ovs_list_init(&rule->seat.node);
        dp_worker_ready(rule);
    }
}

/* Finds the next shard of which rules are to be read, if it is time for it.
 * Returns null if not, and once when there are no more of this sweep. */
static struct dp_offload_shard *
dp_worker_query_shard(struct dp_offload_worker *worker, uint64_t now_us)
{
    struct dp_offload *offload = worker->offload;

    while (!worker->query_left) {
        struct dp_offload_shard *shard;

        if (worker->query_shard >= DP_OFFLOAD_N_SHARDS) {
            uint64_t sweep = dp_places_read(&offload->sweep);

            if (now_us < worker->query_us && sweep == worker->sweep) {
                return NULL;
            }
            worker->query_us = now_us + DP_WORKER_QUERY_US;
            worker->query_shard = 0;
            worker->sweep = sweep;
        } else if (++worker->query_shard >= DP_OFFLOAD_N_SHARDS) {
            return NULL;
        }
        shard = &offload->shards[worker->query_shard];
        ovs_mutex_lock(&shard->mutex);
        if (shard->worker == worker) {
            worker->query_left = ovs_list_size(&shard->whole);
        }
        ovs_mutex_unlock(&shard->mutex);
    }
    return &offload->shards[worker->query_shard];
}

/* Reads the counters of some whole rules, at most a batch.  Returns how
 * many. */
static size_t
dp_worker_run_query(struct dp_offload_worker *worker, uint64_t now_us)
{
    struct dp_offload_op *ops[DP_OFFLOAD_BATCH];
    struct dp_offload_shard *shard;
    size_t n = 0;

    while (n < worker->batch
           && (shard = dp_worker_query_shard(worker, now_us))) {
        ovs_mutex_lock(&shard->mutex);
        while (worker->query_left && n < worker->batch
               && !ovs_list_is_empty(&shard->whole)) {
            struct dp_offload_op *op = dp_worker_op_get(worker);
            struct dp_offload_rule *rule;

            rule = CONTAINER_OF(ovs_list_pop_front(&shard->whole),
                                struct dp_offload_rule, whole_node);
            ovs_list_push_back(&shard->whole, &rule->whole_node);
            worker->query_left--;

            dp_rule_is_locked(rule, shard);
            if (dp_rule_start_query(rule, op)) {
                ops[n++] = op;
            } else {
                dp_worker_op_put(worker, op);
            }
        }
        if (ovs_list_is_empty(&shard->whole)) {
            worker->query_left = 0;
        }
        ovs_mutex_unlock(&shard->mutex);
    }
    dp_worker_submit(worker, ops, n);
    if (worker->query_shard >= DP_OFFLOAD_N_SHARDS) {
        /* Operations of the sweep that are late don't count. */
        atomic_store_explicit(&worker->sweep_done, worker->sweep,
                              memory_order_release);
    }
    return n;
}

static void *
dp_worker_main(void *worker_)
{
    struct dp_offload_worker *worker = worker_;
    uint64_t sleep_us = DP_WORKER_SLEEP_MIN_US;
    uint64_t quiesce_us = dp_offload_now_us();

    mpsc_queue_acquire(&worker->changes);
    mpsc_queue_acquire(&worker->arrivals);
    for (;;) {
        uint64_t now_us = dp_offload_now_us();
        bool exiting;
        size_t n = 0;

        atomic_read_explicit(&worker->exit, &exiting, memory_order_acquire);
        if (exiting && !worker->n_ops) {
            break;
        }
        if (!exiting) {
            n = dp_worker_run_retries(worker, now_us, worker->batch);
            n += dp_worker_run_queues(worker);
            if (now_us >= worker->probe_us) {
                worker->probe_us = now_us + DP_WORKER_PROBE_US;
                dp_worker_run_rooms(worker, now_us, true);
            } else {
                dp_worker_run_rooms(worker, now_us, false);
            }
            dp_worker_run_halved(worker, now_us);
            n += dp_worker_run_query(worker, now_us);
        }
        if (worker->n_ops) {
            dp_worker_run_poll(worker);
            sleep_us = DP_WORKER_SLEEP_MIN_US;
        }
        if (!worker->id && now_us >= worker->reap_us) {
            worker->reap_us = now_us + DP_WORKER_REAP_US;
            dp_offload_ports_reap(worker->offload);
            dp_offload_ports_clean(worker->offload);
        }
        if (!worker->id && now_us >= worker->watch_us) {
            worker->watch_us = now_us + DP_MARK_WATCH_US;
            dp_mark_watch_run(worker->offload);
        }

        coverage_try_clear();   /* Others see this thread's events, too. */
        if (n) {
            sleep_us = DP_WORKER_SLEEP_MIN_US;
            if (now_us - quiesce_us > DP_WORKER_QUIESCE_US) {
                quiesce_us = now_us;
                ovsrcu_quiesce();
            }
        } else {
            xnanosleep(sleep_us * 1000);
            sleep_us = MIN(sleep_us * 2, DP_WORKER_SLEEP_MAX_US);
            quiesce_us = dp_offload_now_us();
        }
    }
    mpsc_queue_release(&worker->arrivals);
    mpsc_queue_release(&worker->changes);
    coverage_clear();

    return NULL;
}

/* Control. */

void
dp_offload_workers_init(struct dp_offload *offload, unsigned int n_workers)
{
    offload->workers = xzalloc_cacheline(DP_OFFLOAD_MAX_WORKERS
                                         * sizeof *offload->workers);
    for (unsigned int i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        struct dp_offload_worker *worker = &offload->workers[i];

        worker->offload = offload;
        worker->id = i;
        mpsc_queue_init(&worker->changes);
        mpsc_queue_init(&worker->arrivals);
        atomic_init(&worker->n_pending, 0);
        atomic_init(&worker->sweep_done, 0);
        atomic_init(&worker->exit, false);
        heap_init(&worker->retries);
        dp_places_room_init(&worker->markless);
        ovs_list_init(&worker->free_ops);
        ovs_list_init(&worker->ops);
        worker->batch = DP_OFFLOAD_BATCH;
        worker->query_shard = DP_OFFLOAD_N_SHARDS;
        ovs_mutex_init(&worker->mutex);
        mov_avg_cma_init(&worker->figures.cma);
        mov_avg_ema_init(&worker->figures.ema, 100);
    }
    atomic_init(&offload->n_workers, n_workers);
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        offload->shards[i].worker = &offload->workers[i % n_workers];
    }
}

void
dp_offload_workers_uninit(struct dp_offload *offload)
{
    for (unsigned int i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        struct dp_offload_worker *worker = &offload->workers[i];
        struct dp_offload_op *op;

        ovs_assert(ovs_list_is_empty(&worker->ops));
        LIST_FOR_EACH_POP (op, node, &worker->free_ops) {
            free(op);
        }
        heap_destroy(&worker->retries);
        mpsc_queue_destroy(&worker->changes);
        mpsc_queue_destroy(&worker->arrivals);
        ovs_mutex_destroy(&worker->mutex);
    }
    free_cacheline(offload->workers);
}

void
dp_offload_workers_start(struct dp_offload *offload)
{
    uint32_t n;

    if (offload->threads_running) {
        return;
    }
    atomic_read_relaxed(&offload->n_workers, &n);
    for (uint32_t i = 0; i < n; i++) {
        struct dp_offload_worker *worker = &offload->workers[i];

        atomic_store_relaxed(&worker->exit, false);
        worker->thread = ovs_thread_create("hw_offload", dp_worker_main,
                                           worker);
        worker->running = true;
    }
    offload->threads_running = true;
    dp_offload_pin(offload);
    VLOG_INFO("%"PRIu32" offload thread%s started", n, n > 1 ? "s" : "");
}

static void
dp_thread_pin(const struct dp_offload *offload, pthread_t thread,
              const char *name)
    OVS_REQUIRES(offload->mutex)
{
    int error = pthread_setaffinity_np(thread, sizeof offload->worker_cpus,
                                       &offload->worker_cpus);

    if (error) {
        VLOG_DBG("%s: cannot be pinned: %s", name, ovs_strerror(error));
    }
}

void
dp_offload_pin(struct dp_offload *offload)
{
    for (unsigned int i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        struct dp_offload_worker *worker = &offload->workers[i];

        if (worker->running) {
            dp_thread_pin(offload, worker->thread, "worker");
        }
    }
    if (offload->has_helper) {
        dp_thread_pin(offload, offload->helper, "helper");
    }
}

void
dp_offload_workers_stop(struct dp_offload *offload)
{
    for (unsigned int i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        struct dp_offload_worker *worker = &offload->workers[i];

        atomic_store_explicit(&worker->exit, true, memory_order_release);
    }
    /* A provider may take long. */
    ovsrcu_quiesce_start();
    for (unsigned int i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        struct dp_offload_worker *worker = &offload->workers[i];

        if (worker->running) {
            xpthread_join(worker->thread, NULL);
            worker->running = false;
        }
    }
    ovsrcu_quiesce_end();
    offload->threads_running = false;
}

/* Takes what stands in 'queue', but no more than there is room for in 'rules',
 * which has '*n' of 'max'. */
static void
dp_worker_empty_queue(struct mpsc_queue *queue,
                      struct dp_offload_rule *rules[], size_t max, size_t *n)
{
    mpsc_queue_acquire(queue);
    while (*n < max) {
        struct mpsc_queue_node *node = mpsc_queue_pop(queue);

        if (!node) {
            break;
        }
        rules[(*n)++] = CONTAINER_OF(node, struct dp_offload_rule,
                                     ready_node);
    }
    mpsc_queue_release(queue);
}

/* Moves what waits with 'old' to the workers that now have the rules. */
static void
dp_worker_hand_over(struct dp_offload_worker *old)
{
    struct dp_offload_rule **rules;
    struct dp_offload_port *port;
    uint64_t n_pending, orig;
    size_t n = 0;

    /* What was inserted while 'old' had the rule is counted; what comes later
     * is for 'old' to keep. */
    atomic_read_explicit(&old->n_pending, &n_pending, memory_order_acquire);
    rules = xmalloc(n_pending * sizeof *rules);
    dp_worker_empty_queue(&old->changes, rules, n_pending, &n);
    dp_worker_empty_queue(&old->arrivals, rules, n_pending, &n);
    for (size_t i = 0; i < n; i++) {
        struct dp_offload_shard *shard = rules[i]->shard;

        ovs_mutex_lock(&shard->mutex);
        dp_rule_is_locked(rules[i], shard);
        rules[i]->ready = false;
        dp_rule_ready(rules[i]);
        ovs_mutex_unlock(&shard->mutex);
    }
    atomic_sub_relaxed(&old->n_pending, n, &orig);
    free(rules);

    dp_worker_run_retries(old, UINT64_MAX, SIZE_MAX);
    dp_worker_clear_room(&old->markless);

    CMAP_FOR_EACH (port, node, &old->offload->ports) {
        struct ovs_list halved = OVS_LIST_INITIALIZER(&halved);
        struct dp_offload_rule *rule;

        ovs_list_push_back_all(&halved, &port->halved[old->id].rules);
        LIST_FOR_EACH_POP (rule, whole_node, &halved) {
            unsigned int id = rule->shard->worker->id;

            ovs_list_push_back(&port->halved[id].rules, &rule->whole_node);
        }

        dp_worker_clear_room(&port->full[old->id]);
        dp_worker_clear_room(&port->busy[old->id]);
    }
}

void
dp_offload_workers_assign(struct dp_offload *offload, unsigned int n_workers)
{
    uint64_t n_inserted[DP_OFFLOAD_MAX_WORKERS] = { 0 };

    ovs_assert(!offload->threads_running);
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        struct dp_offload_shard *shard = &offload->shards[i];
        struct dp_offload_rule *rule;

        ovs_mutex_lock(&shard->mutex);
        shard->worker = &offload->workers[i % n_workers];
        HMAP_FOR_EACH (rule, node, &shard->rules) {
            n_inserted[i % n_workers] += rule->level != DP_OFFLOAD_ABSENT;
        }
        ovs_mutex_unlock(&shard->mutex);
    }
    atomic_store_relaxed(&offload->n_workers, n_workers);

    for (unsigned int i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        struct dp_offload_worker *worker = &offload->workers[i];

        dp_worker_hand_over(worker);
        worker->query_shard = DP_OFFLOAD_N_SHARDS;
        worker->query_left = 0;
        worker->sweep = worker->query_us = 0;
        atomic_store_relaxed(&worker->sweep_done, 0);   /* Other shards. */
        ovs_mutex_lock(&worker->mutex);
        worker->figures.n_inserted = n_inserted[i];
        ovs_mutex_unlock(&worker->mutex);
    }
}

uint64_t
dp_offload_workers_pending(const struct dp_offload *offload)
{
    uint64_t total = 0;

    for (unsigned int i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        const struct dp_offload_worker *worker = &offload->workers[i];
        uint64_t n;

        atomic_read_explicit(
            &CONST_CAST(struct dp_offload_worker *, worker)->n_pending, &n,
            memory_order_acquire);
        total += n;
    }
    return total;
}

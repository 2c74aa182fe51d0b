/* SPDX-License-Identifier: Apache-2.0 */

/* The daemon's command line, its start, its main loop and its end.
 *
 * Everything that switches packets or talks to the database is elsewhere:
 * bridge_run() does it all.  What is left for this file is the order of
 * things, which matters:
 *
 *   - Options that only set a value in a library are applied as they are read;
 *     the others are kept in 'struct vswitchd_options' until the daemon has
 *     detached, because a fork loses threads and locked memory.
 *
 *   - The control socket is opened before the first bridge_run(), so that
 *     "ovs-appctl" can ask even a daemon that waits for its database.
 *
 *   - "exit" is answered after the datapath has gone, so a client that has the
 *     answer knows that the work is done. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "compiler.h"
#include "ctl/dp.h"
#include "dirs.h"
#include "dns-resolve.h"
#include "dpdk.h"
#include "dpif.h"
#include "dummy.h"
#include "fatal-signal.h"
#include "markpath-config.h"
#include "memory.h"
#include "netdev.h"
#include "ofproto/ofproto.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/usdt-probes.h"
#include "openvswitch/version.h"
#include "openvswitch/vlog.h"
#include "ovs/ovs-daemon.h"
#include "ovs-numa.h"
#include "ovs-rcu.h"
#include "ovs-router.h"
#include "simap.h"
#include "stream.h"
#include "stream-ssl.h"
#include "unixctl.h"
#include "util.h"
#include "vswitchd/bridge.h"
#include "vswitchd/standby.h"

/* Log filters of users and tests name this module. */
VLOG_DEFINE_THIS_MODULE(vswitchd);

/* What the command line leaves to be done later. */
struct vswitchd_options {
    char *database;             /* Owned.  OVSDB connection method. */
    const char *unixctl_path;   /* From argv; NULL for the default. */
    bool lock_memory;           /* Keep all of the process in RAM. */
    bool rawio;                 /* Keep CAP_SYS_RAWIO. */
};

/* A wish to end, filled in by the "exit" command.  Several clients may have
 * asked before the main loop looks. */
struct vswitchd_exit {
    bool requested;
    bool cleanup;                   /* Also delete what outlives us. */
    struct unixctl_conn **clients;  /* Owned array: each waits for a reply. */
    size_t n_clients;
};

static void
print_help(void)
{
    printf("%s: Open vSwitch daemon\n"
           "usage: %s [OPTIONS] [DATABASE]\n"
           "where DATABASE is a socket on which ovsdb-server is listening\n"
           "      (default: \"unix:%s/db.sock\").\n",
           program_name, program_name, ovs_rundir());
    stream_usage("DATABASE", true, false, true);
    daemon_usage();
    vlog_usage();
    puts("\n"
         "DPDK options:\n"
         "  none here: set other_config:dpdk-* in the database");
    if (OVS_HAS_RAWIO_ACCESS) {
        puts("\n"
             "DPDK HW Access options:\n"
             "  --hw-rawio-access         keep raw access to hardware memory");
    }
    puts("\n"
         "Other options:\n"
         "  --unixctl=SOCKET          listen for ovs-appctl on SOCKET\n"
         "  --mlockall                lock all memory into RAM\n"
         "  -h, --help                show this text\n"
         "  -V, --version             show version numbers\n"
         "\n"
         "Options for tests:\n"
         "  --enable-dummy[=LEVEL]    offer dummy datapaths and devices; if\n"
         "                            LEVEL is \"system\" or \"override\",\n"
         "                            they stand in for real ones\n"
         "  --disable-system          do without the kernel's datapath\n"
         "  --disable-system-route    ignore the kernel's routing table\n"
         "  --dummy-numa=LIST         pretend that core N is on the Nth node\n"
         "                            of LIST");
}

static void
print_version(void)
{
    ovs_print_version(0, 0);
    print_dpdk_version();
    puts("Markpath " MARKPATH_VERSION);
}

/* What "ovs-appctl version" answers: the library's call of
 * ovs_get_program_version() comes here.  ovs-ctl takes the first line's last
 * word for the version, and would kill a daemon that is older than 2.5.90
 * instead of asking it to exit.  There is one line: so people print it into
 * others. */
const char *__wrap_ovs_get_program_version(void);

const char *
__wrap_ovs_get_program_version(void)
{
    return ("Markpath " MARKPATH_VERSION
            ", ovs-vswitchd (Open vSwitch) " OVS_PACKAGE_VERSION);
}

/* Reads the command line.  Does not return if that is wrong, or if it asks
 * only for information. */
static void
parse_options(int argc, char *argv[], struct vswitchd_options *options)
{
    enum {
        OPT_FIRST = UCHAR_MAX,
        VLOG_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
        OPT_BOOTSTRAP_CA_CERT,
        OPT_PEER_CA_CERT,
        DAEMON_OPTION_ENUMS,
        OPT_MLOCKALL,
        OPT_UNIXCTL,
        OPT_DUMMY_NUMA,
        OPT_ENABLE_DUMMY,
        OPT_DISABLE_SYSTEM,
        OPT_DISABLE_SYSTEM_ROUTE,
        OPT_DPDK,
        OPT_HW_RAWIO_ACCESS,
    };
    static const struct option table[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "unixctl", required_argument, NULL, OPT_UNIXCTL },
        { "mlockall", no_argument, NULL, OPT_MLOCKALL },
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        { "peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT },
        { "bootstrap-ca-cert", required_argument, NULL,
          OPT_BOOTSTRAP_CA_CERT },
        { "enable-dummy", optional_argument, NULL, OPT_ENABLE_DUMMY },
        { "disable-system", no_argument, NULL, OPT_DISABLE_SYSTEM },
        { "disable-system-route", no_argument, NULL,
          OPT_DISABLE_SYSTEM_ROUTE },
        { "dummy-numa", required_argument, NULL, OPT_DUMMY_NUMA },
        { "dpdk", optional_argument, NULL, OPT_DPDK },
#if OVS_HAS_RAWIO_ACCESS
        { "hw-rawio-access", no_argument, NULL, OPT_HW_RAWIO_ACCESS },
#endif
        { NULL, 0, NULL, 0 },
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(table);
    int c;

    while ((c = getopt_long(argc, argv, short_options, table, NULL)) != -1) {
        switch (c) {
        case 'h':
            print_help();
            exit(EXIT_SUCCESS);

        case 'V':
            print_version();
            exit(EXIT_SUCCESS);

        /* For tests. */
        case OPT_DUMMY_NUMA:
            ovs_numa_set_dummy(optarg);
            break;

        case OPT_ENABLE_DUMMY:
            dummy_enable(optarg);
            break;

        case OPT_DISABLE_SYSTEM_ROUTE:
            ovs_router_disable_system_routing_table();
            break;

        case OPT_DISABLE_SYSTEM:
            dp_disallow_provider("system");
            break;

        /* Certificates that the common SSL options do not cover. */
        case OPT_BOOTSTRAP_CA_CERT:
            stream_ssl_set_ca_cert_file(optarg, true);
            break;

        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;

        case OPT_MLOCKALL:
            options->lock_memory = true;
            break;

        case OPT_HW_RAWIO_ACCESS:
            options->rawio = true;
            break;

        case OPT_UNIXCTL:
            options->unixctl_path = optarg;
            break;

        case OPT_DPDK:
            ovs_fatal(0, "Using --dpdk to configure DPDK is not supported.");

        STREAM_SSL_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS

        default:
            /* getopt_long() has said what is wrong. */
            exit(EXIT_FAILURE);
        }
    }
    free(short_options);

    if (argc - optind > 1) {
        /* Scripts know this message. */
        ovs_fatal(0, "at most one non-option argument accepted; "
                  "use --help for usage");
    }
    options->database = (optind < argc
                         ? xstrdup(argv[optind])
                         : xasprintf("unix:%s/db.sock", ovs_rundir()));
}

/* The "exit" command: 'exit_' is a struct vswitchd_exit. */
static void
handle_exit(struct unixctl_conn *client, int argc, const char *argv[],
            void *exit_)
{
    struct vswitchd_exit *wish = exit_;

    wish->requested = true;
    wish->cleanup |= argc > 1 && !strcmp(argv[1], "--cleanup");
    wish->clients = xrealloc(wish->clients,
                             (wish->n_clients + 1) * sizeof *wish->clients);
    wish->clients[wish->n_clients++] = client;
}

static void
lock_all_memory(void)
{
#ifdef HAVE_MLOCKALL
    int error = ovs_lock_memory();

    if (error) {
        VLOG_ERR("mlockall failed: %s", ovs_strerror(error));
    }
#else
    VLOG_ERR("mlockall is not supported on this system");
#endif
}

/* Logs how much memory the parts of the daemon use, when that is due. */
static void
run_memory_monitor(void)
{
    memory_run();
    if (memory_should_report()) {
        struct simap usage = SIMAP_INITIALIZER(&usage);

        bridge_get_memory_usage(&usage);
        memory_report(&usage);
        simap_destroy(&usage);
    }
}

/* Works until a client of 'unixctl' has filled in 'wish'.  A fatal signal ends
 * the process in poll_block(), after its hooks have removed our files. */
static void
run_until_exit(struct unixctl_server *unixctl,
               const struct vswitchd_exit *wish)
{
    for (;;) {
        OVS_USDT_PROBE(main, run_start);
        run_memory_monitor();
        bridge_run();
        if (!ofproto_get_flow_restore_wait()) {
            dp_take_over();
        }
        unixctl_server_run(unixctl);
        netdev_run();
        if (wish->requested) {
            return;
        }

        memory_wait();
        bridge_wait();
        standby_wait();
        unixctl_server_wait(unixctl);
        netdev_wait();
        OVS_USDT_PROBE(main, poll_block);
        poll_block();
    }
}

int
main(int argc, char *argv[])
{
    struct vswitchd_options options = { .database = NULL };
    struct vswitchd_exit wish = { .requested = false };
    struct unixctl_server *unixctl;

    set_program_name(argv[0]);
    ovsthread_id_self();        /* The main thread is number 0. */
    dns_resolve_init(true);
    ovs_cmdl_proctitle_init(argc, argv);
    parse_options(argc, argv, &options);
    fatal_ignore_sigpipe();
    standby_init();

    ovs_daemonize_start(options.rawio);
    VLOG_INFO("%s (Open vSwitch) " OVS_PACKAGE_VERSION
              ", Markpath " MARKPATH_VERSION, program_name);
    if (options.lock_memory) {
        lock_all_memory();
    }
    if (unixctl_server_create(options.unixctl_path, &unixctl)) {
        /* The reason is in the log. */
        exit(EXIT_FAILURE);
    }
    unixctl_command_register("exit", "[--cleanup]", 0, 1, handle_exit, &wish);

    /* The first configuration also lets the parent of --detach go. */
    bridge_init(options.database);
    free(options.database);
    run_until_exit(unixctl, &wish);

    if (!wish.cleanup) {
        dp_leave();
    }
    bridge_exit(wish.cleanup);
    for (size_t i = 0; i < wish.n_clients; i++) {
        unixctl_command_reply(wish.clients[i], NULL);
    }
    free(wish.clients);
    unixctl_server_destroy(unixctl);

    /* What other threads still have to say goes out before they end. */
    vlog_disable_async();
    ovsrcu_exit();
    dns_resolve_destroy();
    return EXIT_SUCCESS;
}

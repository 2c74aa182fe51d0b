/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-pins.h"

#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirs.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_xdp_pins);

#define TOP "/sys/fs/bpf/markpath"

/* The BPF file system takes no dots in names. */
char *
dp_xdp_pins_folder(void)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct stat netns = { .st_ino = 0 };

    ds_put_cstr(&s, TOP "/");
    for (const char *p = ovs_rundir(); *p; p++) {
        if (isalnum((unsigned char) *p)) {
            ds_put_char(&s, *p);
        } else if (*p == '/') {
            ds_put_char(&s, '-');
        } else {
            ds_put_format(&s, "_%02x", (unsigned char) *p);
        }
    }
    /* That of this thread: a test may have several. */
    if (stat("/proc/thread-self/ns/net", &netns)) {
        VLOG_DBG("no network namespace (%s)", ovs_strerror(errno));
    }
    ds_put_format(&s, "@%"PRIuMAX, (uintmax_t) netns.st_ino);
    return ds_steal_cstr(&s);
}

static char *
make_path(uint32_t ifindex)
{
    char *folder = dp_xdp_pins_folder();
    char *path = xasprintf("%s/%"PRIu32, folder, ifindex);

    free(folder);
    return path;
}

static int
make_folder(const char *path)
{
    return mkdir(path, 0700) && errno != EEXIST ? errno : 0;
}

static int
make_folders(void)
{
    char *folder = dp_xdp_pins_folder();
    int error = make_folder(TOP);

    if (!error) {
        error = make_folder(folder);
    }
    free(folder);
    return error;
}

int
dp_xdp_pins_add(uint32_t ifindex, int link_fd)
{
    char *path = make_path(ifindex);
    int error = make_folders();

    if (!error && bpf_obj_pin(link_fd, path)) {
        error = errno;
    }
    free(path);
    return error;
}

/* Folders that nobody needs go, too. */
static void
remove_folders(void)
{
    char *folder = dp_xdp_pins_folder();

    if (!rmdir(folder)) {
        rmdir(TOP);
    }
    free(folder);
}

void
dp_xdp_pins_remove(uint32_t ifindex)
{
    char *path = make_path(ifindex);

    if (!unlink(path)) {
        remove_folders();
    }
    free(path);
}

int
dp_xdp_pins_open(uint32_t ifindex, enum dp_xdp_mode *mode)
{
    char *path = make_path(ifindex);
    int fd = bpf_obj_get(path);

    free(path);
    if (fd >= 0 && !dp_xdp_link_is_on(fd, ifindex, mode)) {
        close(fd);
        dp_xdp_pins_remove(ifindex);
        fd = -1;
    }
    return fd;
}

bool
dp_xdp_pins_have(uint32_t ifindex, enum dp_xdp_mode *mode)
{
    int fd = dp_xdp_pins_open(ifindex, mode);

    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Removes the link, too, not its name only. */
static void
remove_whole(uint32_t ifindex)
{
    enum dp_xdp_mode mode;
    int fd = dp_xdp_pins_open(ifindex, &mode);

    if (fd >= 0) {
        dp_xdp_pins_remove(ifindex);
        dp_xdp_link_destroy(fd);
    }
}

void
dp_xdp_pins_sweep(bool (*is_used)(uint32_t ifindex, void *aux), void *aux)
{
    char *folder = dp_xdp_pins_folder();
    DIR *stream = opendir(folder);
    struct dirent *entry;

    while (stream && (entry = readdir(stream))) {
        uint32_t ifindex = strtoul(entry->d_name, NULL, 10);

        if (ifindex && !is_used(ifindex, aux)) {
            VLOG_INFO("interface %"PRIu32": what an earlier daemon has left "
                      "there is not needed any more", ifindex);
            remove_whole(ifindex);
        }
    }
    if (stream) {
        closedir(stream);
    }
    free(folder);
}

/* Stands between a machine and the bridge: each frame crosses later.
 *
 *   delay PORT TAP LOW_US HIGH_US
 *
 * PORT is the machine's end that has left the bridge; TAP is made, and joins the bridge in its stead (the caller sees to
 * that once "ready" is printed). It ends when its stdin does. Each direction keeps its order. Both ends speak with the kernel's own header of offloads
 * (virtio_net_hdr), so that frames whose checksum or segmentation is still to be done cross as they are. */
#define _GNU_SOURCE
#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MAX (1 << 17)
/* What is under way in one direction; more is lost, as on a long line. */
#define FRAMES_MAX 8192

struct frame {
    uint64_t due_us;
    size_t length;
    char *bytes;
};

struct line {
    int from, to;
    uint64_t last_due_us;
    unsigned first, count;
    struct frame frames[FRAMES_MAX];
};

static uint64_t low_us, high_us;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int open_port(const char *name) {
    int on = 1, port = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    at.sll_ifindex = (int)if_nametoindex(name);
    if (port < 0 || setsockopt(port, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) ||
        setsockopt(port, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) ||
        bind(port, (struct sockaddr *)&at, sizeof at))
        fail(name);
    return port;
}

static int open_tap(const char *name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int tap = open("/dev/net/tun", O_RDWR);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request))
        fail(name);
    return tap;
}

static void take(struct line *line) {
    static char bytes[FRAME_MAX];
    ssize_t length = read(line->from, bytes, sizeof bytes);
    if (length <= 0 || line->count == FRAMES_MAX)
        return;
    uint64_t due_us = now_us() + low_us + (uint64_t)random() % (high_us - low_us + 1);
    if (due_us < line->last_due_us)
        due_us = line->last_due_us;
    line->last_due_us = due_us;
    struct frame *frame = &line->frames[(line->first + line->count++) % FRAMES_MAX];
    *frame = (struct frame){due_us, (size_t)length, malloc((size_t)length)};
    if (!frame->bytes)
        fail("malloc");
    memcpy(frame->bytes, bytes, (size_t)length);
}

static void pass_on(struct line *line) {
    while (line->count && line->frames[line->first].due_us <= now_us()) {
        struct frame *frame = &line->frames[line->first];
        /* A frame that is refused is lost. */
        if (write(line->to, frame->bytes, frame->length) < 0 && errno == EBADF)
            fail("write");
        free(frame->bytes);
        line->first = (line->first + 1) % FRAMES_MAX;
        line->count--;
    }
}

static int wait_ms(const struct line *line) {
    if (!line->count)
        return 1000;
    uint64_t now = now_us(), due = line->frames[line->first].due_us;
    return due <= now ? 0 : (int)((due - now) / 1000) + 1;
}

int main(int count, char **arguments) {
    static struct line out, in;
    if (count != 5) {
        fprintf(stderr, "usage: delay PORT TAP LOW_US HIGH_US\n");
        return 2;
    }
    low_us = strtoull(arguments[3], NULL, 10);
    high_us = strtoull(arguments[4], NULL, 10);
    out.from = in.to = open_port(arguments[1]);
    out.to = in.from = open_tap(arguments[2]);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd ends[] = {
            {.fd = out.from, .events = POLLIN}, {.fd = in.from, .events = POLLIN}, {.fd = STDIN_FILENO}};
        int wait_out = wait_ms(&out), wait_in = wait_ms(&in);
        poll(ends, 3, wait_out < wait_in ? wait_out : wait_in);
        if (ends[2].revents & (POLLHUP | POLLERR))
            return 0;
        if (ends[0].revents & POLLIN)
            take(&out);
        if (ends[1].revents & POLLIN)
            take(&in);
        pass_on(&out);
        pass_on(&in);
    }
}

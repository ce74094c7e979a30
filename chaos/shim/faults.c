/* Preloaded into a node: makes its disk fail or slow down, and its wall clock wrong, as the control file says.
 *
 * CHAOS_CONTROL names a file of three 64-bit numbers, which is mapped, so that reading it costs nothing:
 *   0  errno with which fsync and fdatasync fail; 0: they do not
 *   1  microseconds by which they take longer
 *   2  milliseconds by which the wall clock is ahead
 * The monotonic clock stays true. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t none[3];
static volatile int64_t *control = none;

__attribute__((constructor)) static void map_control(void) {
    const char *path = getenv("CHAOS_CONTROL");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        control = mapped;
    close(file);
}

static int disk_fails(void) {
    if (control[1] > 0)
        usleep((useconds_t)control[1]);
    if (control[0] == 0)
        return 0;
    errno = (int)control[0];
    return 1;
}

int fsync(int file) { return disk_fails() ? -1 : (int)syscall(SYS_fsync, file); }

int fdatasync(int file) { return disk_fails() ? -1 : (int)syscall(SYS_fdatasync, file); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real ? real(clock, now) : (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME && control[2] != 0) {
        int64_t ns = now->tv_nsec + (control[2] % 1000) * 1000000;
        now->tv_sec += control[2] / 1000 + (ns < 0 ? -1 : ns / 1000000000);
        now->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
    }
    return failed;
}

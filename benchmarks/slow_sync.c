/* Preloaded into a database server, it makes every sync last a millisecond longer, as on an ordinary durable disk.
   The sync itself still happens. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static const struct timespec DELAY = {0, 1000000};

static int slowed(const char *name, int descriptor)
{
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    nanosleep(&DELAY, 0);
    return real(descriptor);
}

int fsync(int descriptor) { return slowed("fsync", descriptor); }
int fdatasync(int descriptor) { return slowed("fdatasync", descriptor); }

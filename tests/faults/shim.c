/* Makes the store's disk slow or full while files say so: built and preloaded by the fault tests.
   FAULT_SLOW names a file that holds the milliseconds which each fdatasync takes; FAULT_FULL one whose existence makes
   every write to a file fail with ENOSPC. Only valkey-server is touched. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_store(void) { return strcmp(program_invocation_short_name, "valkey-server") == 0; }

static void wait_as_told(void) {
    const char *name = getenv("FAULT_SLOW");
    FILE *file = name && is_store() ? fopen(name, "r") : NULL;
    int milliseconds = 0;
    if (file) {
        if (fscanf(file, "%d", &milliseconds) != 1) milliseconds = 0;
        fclose(file);
    }
    if (milliseconds > 0) usleep(milliseconds * 1000);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
    wait_as_told();
    return real(fd);
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    wait_as_told();
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    struct stat facts;
    const char *name;
    if (!real) real = dlsym(RTLD_NEXT, "write");
    name = getenv("FAULT_FULL");
    if (name && is_store() && access(name, F_OK) == 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, data, count);
}

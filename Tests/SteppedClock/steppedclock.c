// A clock that is set while a program runs: preloaded into the program under test, it adds to the time of day what a file
// says. The clocks that are never set stay as they are. It is a tool of the tests and no part of the product. It assumes
// Linux and glibc.
//
// LARDER_CLOCK names a file of eight bytes: by how many seconds the time of day is ahead.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;
static int (*real_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
  real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("LARDER_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *map = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
  if (map == MAP_FAILED || !real_clock) { perror("steppedclock"); abort(); }
  close(file);
  ahead = map;
}

int clock_gettime(clockid_t clock, struct timespec *moment) {
  if (!real_clock) begin();
  int result = real_clock(clock, moment);
  if (result == 0 && clock == CLOCK_REALTIME) moment->tv_sec += *ahead;
  return result;
}

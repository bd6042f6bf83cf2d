// What the load programs share: a clock, a connection to loopback, the head of an answer, a histogram of times.
#ifndef LOAD_HTTP_H
#define LOAD_HTTP_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

/// Nanoseconds of a clock that never goes back.
static inline uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/// Processor time of this process in seconds: near the time that went by, it was this program that set the pace.
static inline double processor_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static inline int connect_to(int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0)
    fail("connect to port %d: %s", port, strerror(errno));
  int yes = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return descriptor;
}

/// What an answer's head says; -1 for what it does not.
struct answer {
  int status;
  long length, first, last, total;
};

static inline long number(const char **at, const char *end) {
  if (*at == end || **at < '0' || **at > '9') return -1;
  long value = 0;
  for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) value = value * 10 + (**at - '0');
  return value;
}

/// The length of the head in the bytes, 0 when it is not whole yet.
static inline size_t read_head(const char *bytes, size_t count, struct answer *answer) {
  const char *end = memmem(bytes, count, "\r\n\r\n", 4);
  if (!end) return 0;
  *answer = (struct answer){-1, -1, -1, -1, -1};
  if (end - bytes < 12 || memcmp(bytes, "HTTP/1.1 ", 9)) fail("no HTTP: %.*s", (int)(end - bytes), bytes);
  answer->status = atoi(bytes + 9);
  for (const char *line = memchr(bytes, '\n', (size_t)(end - bytes)); line; ) {
    const char *at = line + 1;
    if ((*at | 32) == 'c') {
      if (!strncasecmp(at, "content-length: ", 16)) {
        at += 16;
        answer->length = number(&at, end);
      } else if (!strncasecmp(at, "content-range: bytes ", 21)) {
        at += 21;
        answer->first = number(&at, end);
        if (*at++ == '-') answer->last = number(&at, end);
        if (*at++ == '/') answer->total = number(&at, end);
      }
    }
    line = memchr(at, '\n', (size_t)(end - at));
  }
  return (size_t)(end - bytes) + 4;
}

/// Times in steps of 1/32: 1.03 of the true one at the most, in little memory.
struct histogram {
  uint64_t count, step[40 * 32];
};

static inline void add_time(struct histogram *times, uint64_t nanoseconds) {
  int power = nanoseconds < 32 ? 0 : 63 - __builtin_clzll(nanoseconds) - 5;
  unsigned index = (unsigned)power * 32 + (unsigned)(nanoseconds >> power);
  times->step[index < 40 * 32 ? index : 40 * 32 - 1]++;
  times->count++;
}

/// Microseconds that this share of the times did not exceed.
static inline double time_at(const struct histogram *times, double share) {
  uint64_t wanted = (uint64_t)((double)times->count * share), seen = 0;
  for (unsigned index = 0; index < 40 * 32; index++) {
    seen += times->step[index];
    if (seen > wanted) {
      unsigned power = index < 64 ? 0 : index / 32 - 1;
      return (double)((uint64_t)(index - power * 32) << power) * 1e-3;
    }
  }
  return 0;
}

#endif

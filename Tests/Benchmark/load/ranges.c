// Asks for ranges of a title over kept connections, one request at a time on each, and compares every byte of every
// answer with a file. It does as little as it can besides: one read for a small answer, one write for a request.
//
// usage: ranges PORT PATH FILE CONNECTIONS SECONDS SIZE [FIELD]
//   SIZE   bytes of a range, which begins at a random multiple of it; 0 asks for the whole, without a range
//   FIELD  a further header field, as "Authorization: Bearer …"
// Prints one line of JSON; exits 1 with a reason at the first answer that is not what it must be.
#define _GNU_SOURCE
#include "http.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct connection {
  int descriptor, in_body;
  long first, position, end;  // of the file: what was asked for, and what is to come
  size_t held;                // of a head that is not whole yet
  char head[2048];
  uint64_t asked;
};

static const char *file;
static long file_size, range_size;
static char prefix[4096], buffer[256 << 10];
static int prefix_length;
static uint64_t requests, bytes, seed = 88172645463325252u;
static struct histogram times;

static uint64_t random_number(void) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return seed;
}

static void ask(struct connection *c) {
  char request[4096 + 64];
  memcpy(request, prefix, (size_t)prefix_length);
  int length = prefix_length;
  c->first = 0, c->end = file_size;
  if (range_size) {
    c->first = (long)(random_number() % (uint64_t)(file_size / range_size)) * range_size;
    c->end = c->first + range_size;
    length += sprintf(request + length, "Range: bytes=%ld-%ld\r\n", c->first, c->end - 1);
  }
  length += sprintf(request + length, "\r\n");
  c->position = c->first, c->in_body = 0, c->held = 0;
  c->asked = now();
  if (send(c->descriptor, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send: %s", strerror(errno));
}

static void compare(struct connection *c, const char *got, size_t count) {
  if ((long)count > c->end - c->position) fail("more bytes than Content-Length says, at %ld", c->position);
  if (memcmp(got, file + c->position, count))
    fail("wrong bytes between %ld and %ld", c->position, c->position + (long)count);
  c->position += (long)count;
  bytes += count;
}

static void check_head(const struct connection *c, const struct answer *answer) {
  int is_right = answer->length == c->end - c->first;
  if (range_size)
    is_right &= answer->status == 206 && answer->first == c->first && answer->last == c->end - 1
        && answer->total == file_size;
  else
    is_right &= answer->status == 200;
  if (!is_right)
    fail("asked for %ld-%ld, got status %d, length %ld, range %ld-%ld/%ld", c->first, c->end - 1, answer->status,
         answer->length, answer->first, answer->last, answer->total);
}

/// Reads what is there; at the end of an answer asks for the next.
static void readable(struct connection *c) {
  for (int turns = 0; turns < 8; turns++) {
    if (c->held) memcpy(buffer, c->head, c->held);
    ssize_t got = recv(c->descriptor, buffer + c->held, sizeof buffer - c->held, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) fail("connection closed at %ld of %ld-%ld", c->position, c->first, c->end - 1);
    size_t count = c->held + (size_t)got, head = 0;
    c->held = 0;
    if (!c->in_body) {
      struct answer answer;
      head = read_head(buffer, count, &answer);
      if (!head) {
        if (count > sizeof c->head) fail("a head of more than %zu bytes", sizeof c->head);
        memcpy(c->head, buffer, c->held = count);
        return;
      }
      check_head(c, &answer);
      c->in_body = 1;
    }
    compare(c, buffer + head, count - head);
    if (c->position == c->end) {
      requests++;
      add_time(&times, now() - c->asked);
      ask(c);
      return;
    }
  }
}

int main(int count, char **arguments) {
  if (count != 7 && count != 8) fail("usage: ranges PORT PATH FILE CONNECTIONS SECONDS SIZE [FIELD]");
  int port = atoi(arguments[1]), connections = atoi(arguments[4]);
  double seconds = atof(arguments[5]);
  range_size = atol(arguments[6]);
  prefix_length = snprintf(
      prefix, sizeof prefix, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s", arguments[2], port,
      count == 8 ? arguments[7] : "", count == 8 ? "\r\n" : "");

  int source = open(arguments[3], O_RDONLY);
  struct stat status;
  if (source < 0 || fstat(source, &status)) fail("%s: %s", arguments[3], strerror(errno));
  file_size = status.st_size;
  file = mmap(NULL, (size_t)file_size, PROT_READ, MAP_SHARED | MAP_POPULATE, source, 0);
  if (file == MAP_FAILED || file_size < range_size) fail("%s cannot be used", arguments[3]);

  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct connection *all = calloc((size_t)connections, sizeof *all);
  for (int i = 0; i < connections; i++) {
    all[i].descriptor = connect_to(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].descriptor, &event);
  }
  uint64_t working = 0;
  uint64_t begin = now(), end = begin + (uint64_t)(seconds * 1e9), heard = begin;
  for (int i = 0; i < connections; i++) ask(&all[i]);
  while (now() < end) {
    struct epoll_event events[256];
    // It never sleeps: to wake it would be work of the server's, which has no such neighbour elsewhere.
    int ready = epoll_wait(epoll, events, 256, 0);
    if (ready > 0) heard = now();
    else if (now() - heard > 20000000000u) fail("nothing came for 20 s");
    for (int i = 0; i < ready; i++) readable(events[i].data.ptr);
    if (ready > 0) working += now() - heard;
  }
  double elapsed = (double)(now() - begin) * 1e-9;
  printf(
      "{\"requests\":%lu,\"bytes\":%lu,\"seconds\":%.6f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"load_cpu\":%.3f}\n", requests,
      bytes, elapsed, time_at(&times, 0.5), time_at(&times, 0.99), (double)working * 1e-9 / elapsed);
  return 0;
}

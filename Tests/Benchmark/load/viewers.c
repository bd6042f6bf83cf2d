// Steady viewers: each plays a title from somewhere on, in segments that are asked for when the one before has been seen,
// and compares every byte with a file. It measures what a viewer feels: how long a segment takes to begin, how long
// nothing comes, and how many segments come too late.
//
// usage: viewers PORT WARM SECONDS BYTES_PER_SECOND SEGMENT FILE FIELD < VIEWERS
//   WARM     seconds until they are steady, in which nothing counts
//   SEGMENT  bytes of a range; one is asked for as often as the rate makes it
//   FIELD    a further header field, as "Authorization: Bearer …"
//   VIEWERS  a line for each: the path of the title, and the byte at which it begins
// Prints one line of JSON; exits 1 with a reason at the first answer that is not what it must be.
#define _GNU_SOURCE
#include "http.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct viewer {
  int descriptor, waits_for_head, is_asking;
  char path[256];
  long position, end;  // of the file: what is to come
  uint64_t due;        // when the next segment is to be asked for
  uint64_t asked, heard;
  size_t held;
  char head[2048];
};

static const char *file, *field;
static long file_size, segment;
static int port;
static uint64_t period, steady, bytes, segments, late, longest_gap;
static char buffer[256 << 10];
static struct histogram first_bytes;

static void ask(struct viewer *v) {
  if (v->end == file_size) v->position = 0;
  v->end = v->position + segment < file_size ? v->position + segment : file_size;
  char request[4096];
  int length = snprintf(
      request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\nRange: bytes=%ld-%ld\r\n\r\n", v->path, port,
      field, v->position, v->end - 1);
  v->waits_for_head = v->is_asking = 1, v->held = 0;
  // Whoever comes too late waits from when it was due.
  v->asked = v->heard = now() - v->due > period ? v->due : now();
  v->due += period;
  if (send(v->descriptor, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send: %s", strerror(errno));
}

static void heard(struct viewer *v) {
  uint64_t time = now();
  if (time > steady && time - v->heard > longest_gap) longest_gap = time - v->heard;
  v->heard = time;
}

static void readable(struct viewer *v) {
  if (v->held) memcpy(buffer, v->head, v->held);
  ssize_t got = recv(v->descriptor, buffer + v->held, sizeof buffer - v->held, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("connection closed at %ld", v->position);
  size_t count = v->held + (size_t)got, head = 0;
  v->held = 0;
  if (v->waits_for_head) {
    struct answer answer;
    head = read_head(buffer, count, &answer);
    if (head == count || !head) {
      if (count > sizeof v->head) fail("a head of more than %zu bytes", sizeof v->head);
      memcpy(v->head, buffer, v->held = count);
      return;
    }
    if (answer.status != 206 || answer.first != v->position || answer.last != v->end - 1 || answer.total != file_size)
      fail("asked for %ld-%ld, got status %d, range %ld-%ld/%ld", v->position, v->end - 1, answer.status, answer.first,
           answer.last, answer.total);
    v->waits_for_head = 0;
    if (v->asked > steady) add_time(&first_bytes, now() - v->asked);
  }
  heard(v);
  if ((long)(count - head) > v->end - v->position || memcmp(buffer + head, file + v->position, count - head))
    fail("wrong bytes at %ld", v->position);
  v->position += (long)(count - head), bytes += count - head;
  if (v->position < v->end) return;
  v->is_asking = 0;
  if (v->asked > steady) segments++, late += now() > v->due;
}

int main(int count, char **arguments) {
  if (count != 8) fail("usage: viewers PORT WARM SECONDS BYTES_PER_SECOND SEGMENT FILE FIELD < VIEWERS");
  port = atoi(arguments[1]), segment = atol(arguments[5]), field = arguments[7];
  period = (uint64_t)((double)segment / atof(arguments[4]) * 1e9);
  int source = open(arguments[6], O_RDONLY);
  struct stat status;
  if (source < 0 || fstat(source, &status)) fail("%s: %s", arguments[6], strerror(errno));
  file_size = status.st_size;
  file = mmap(NULL, (size_t)file_size, PROT_READ, MAP_SHARED | MAP_POPULATE, source, 0);
  if (file == MAP_FAILED) fail("%s cannot be read", arguments[6]);

  static struct viewer all[1024];
  int viewers = 0, epoll = epoll_create1(EPOLL_CLOEXEC);
  for (; viewers < 1024 && scanf("%255s %ld", all[viewers].path, &all[viewers].position) == 2; viewers++) {
    all[viewers].descriptor = connect_to(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[viewers]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, all[viewers].descriptor, &event);
  }
  if (!viewers) fail("no viewers");
  uint64_t begin = now();
  steady = begin + (uint64_t)(atof(arguments[2]) * 1e9);
  uint64_t end = steady + (uint64_t)(atof(arguments[3]) * 1e9);
  // They do not all ask at once.
  for (int i = 0; i < viewers; i++) all[i].due = begin + period * (uint64_t)i / (uint64_t)viewers;
  while (now() < end) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, 1);
    for (int i = 0; i < ready; i++) readable(events[i].data.ptr);
    for (int i = 0; i < viewers; i++) {
      struct viewer *v = &all[i];
      if (!v->is_asking && now() >= v->due) ask(v);
      if (v->is_asking && now() - v->heard > 30000000000u) fail("nothing came for 30 s");
    }
  }
  for (int i = 0; i < viewers; i++) if (all[i].is_asking) heard(&all[i]);
  printf(
      "{\"segments\":%lu,\"late\":%lu,\"bytes\":%lu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"longest_gap_ms\":%.3f}\n", segments,
      late, bytes, time_at(&first_bytes, 0.5) / 1e3, time_at(&first_bytes, 0.99) / 1e3, (double)longest_gap * 1e-6);
  return 0;
}

// Makes calls to the API from a list, over kept connections, one at a time on each, and tells how long they took.
//
// usage: calls PORT FILE CONNECTIONS STATUS
//   FILE    a call a line, parted by tabs: method, path, bearer token, body (may be empty)
//   STATUS  what every answer must be
// Prints one line of JSON; exits 1 with the answer that was another.
#define _GNU_SOURCE
#include "http.h"

enum { room = 64 << 10 };

struct connection {
  int descriptor;
  size_t held;
  uint64_t asked;
  char answer[room];
};

static FILE *list;
static int port, wanted;
static uint64_t asked, answered;
static struct histogram times;

/// Makes the next call of the list; closes when there is none.
static void ask(struct connection *c) {
  static char *line, request[room];
  static size_t size;
  ssize_t length = getline(&line, &size, list);
  if (length <= 0) {
    close(c->descriptor);
    return;
  }
  line[strcspn(line, "\n")] = 0;
  char *body = line, *method = strsep(&body, "\t"), *path = strsep(&body, "\t"), *token = strsep(&body, "\t");
  if (!body) fail("a call has four fields: %s", line);
  int count = snprintf(
      request, sizeof request,
      "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
      "Content-Length: %zu\r\n\r\n%s", method, path, port, token, strlen(body), body);
  c->held = 0;
  c->asked = now();
  asked++;
  if (count >= (int)sizeof request || send(c->descriptor, request, (size_t)count, MSG_NOSIGNAL) != count)
    fail("send: %s", strerror(errno));
}

static void readable(struct connection *c) {
  ssize_t got = recv(c->descriptor, c->answer + c->held, room - c->held, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("connection closed before its answer");
  c->held += (size_t)got;
  struct answer answer;
  size_t head = read_head(c->answer, c->held, &answer);
  if (!head) return;
  if (answer.length < 0) fail("an answer without Content-Length");
  if (c->held < head + (size_t)answer.length) {
    if (c->held == room) fail("an answer of more than %d bytes", room);
    return;
  }
  if (answer.status != wanted) fail("status %d: %.*s", answer.status, (int)c->held, c->answer);
  add_time(&times, now() - c->asked);
  answered++;
  ask(c);
}

int main(int count, char **arguments) {
  if (count != 5) fail("usage: calls PORT FILE CONNECTIONS STATUS");
  port = atoi(arguments[1]);
  if (!(list = fopen(arguments[2], "r"))) fail("%s: %s", arguments[2], strerror(errno));
  int connections = atoi(arguments[3]);
  wanted = atoi(arguments[4]);

  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct connection *all = calloc((size_t)connections, sizeof *all);
  for (int i = 0; i < connections; i++) {
    all[i].descriptor = connect_to(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].descriptor, &event);
  }
  double cpu = processor_seconds();
  uint64_t begin = now();
  for (int i = 0; i < connections; i++) ask(&all[i]);
  while (answered < asked) {
    struct epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, 20000);
    if (ready <= 0) fail("nothing came for 20 s");
    for (int i = 0; i < ready; i++) readable(events[i].data.ptr);
  }
  double elapsed = (double)(now() - begin) * 1e-9;
  printf(
      "{\"calls\":%lu,\"seconds\":%.6f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"most_us\":%.1f,\"load_cpu\":%.3f}\n",
      answered, elapsed, time_at(&times, 0.5), time_at(&times, 0.99), time_at(&times, 0.9999999),
      (processor_seconds() - cpu) / elapsed);
  return 0;
}

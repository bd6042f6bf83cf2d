// The least that a server of one file can do: no routes, no tokens, no conditions, no checksums, no timeouts. What it
// reaches is what the kernel allows one core, and so the limit for every other server in the same run.
//
// usage: minimal PORT FILE
#define _GNU_SOURCE
#include "http.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

struct connection {
  int descriptor, is_waiting;
  off_t position, end;
};

static int epoll, file;
static off_t size;
// Bodies up to here are copied behind the head and go out with it in one call.
enum { small = 16 << 10 };

static void wait_for(struct connection *c, uint32_t events) {
  c->is_waiting = events == EPOLLOUT;
  epoll_ctl(epoll, EPOLL_CTL_MOD, c->descriptor, &(struct epoll_event){.events = events, .data.ptr = c});
}

/// Sends what is left of the body; false when the client is gone.
static int pump(struct connection *c) {
  while (c->position < c->end) {
    if (sendfile(c->descriptor, file, &c->position, (size_t)(c->end - c->position)) > 0) continue;
    if (errno != EAGAIN) return 0;
    if (!c->is_waiting) wait_for(c, EPOLLOUT);
    return 1;
  }
  if (c->is_waiting) wait_for(c, EPOLLIN);
  return 1;
}

static int answer(struct connection *c) {
  static char request[16 << 10], buffer[512 + small];
  ssize_t got = recv(c->descriptor, request, sizeof request - 1, 0);
  if (got <= 0) return 0;
  request[got] = 0;
  const char *range = strstr(request, "Range: bytes=");
  off_t first = 0, last = size - 1;
  if (range) sscanf(range + 13, "%ld-%ld", &first, &last);
  int head = sprintf(
      buffer, "HTTP/1.1 %s\r\nContent-Type: video/mp4\r\nAccept-Ranges: bytes\r\nContent-Length: %ld\r\n",
      range ? "206 Partial Content" : "200 OK", last - first + 1);
  if (range) head += sprintf(buffer + head, "Content-Range: bytes %ld-%ld/%ld\r\n", first, last, size);
  head += sprintf(buffer + head, "\r\n");
  ssize_t body = 0;
  if (last - first < small) body = pread(file, buffer + head, (size_t)(last - first + 1), first);
  if (send(c->descriptor, buffer, (size_t)(head + body), MSG_NOSIGNAL) != head + body) return 0;
  c->position = first + body, c->end = last + 1;
  return pump(c);
}

int main(int count, char **arguments) {
  if (count != 3) fail("usage: minimal PORT FILE");
  // sendfile(2) knows no MSG_NOSIGNAL.
  signal(SIGPIPE, SIG_IGN);
  struct stat status;
  file = open(arguments[2], O_RDONLY);
  if (file < 0 || fstat(file, &status)) fail("%s: %s", arguments[2], strerror(errno));
  size = status.st_size;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
    fail("listen: %s", strerror(errno));
  epoll = epoll_create1(0);
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN});
  for (;;) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (!c) {
        c = calloc(1, sizeof *c);
        c->descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        setsockopt(c->descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->descriptor, &(struct epoll_event){.events = EPOLLIN, .data.ptr = c});
      } else if (!(c->is_waiting ? pump(c) : answer(c))) {
        close(c->descriptor);
        free(c);
      }
    }
  }
}

// The Linux calls that the Swift overlay of glibc does not show: typed, inline, and nothing else.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

/// accept4(2), close-on-exec and non-blocking from birth.
static inline int larder_accept(int listener) {
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/// preadv2(2) with RWF_NOWAIT: only what is in the page cache; EAGAIN (as -EAGAIN) for a cold page.
static inline ssize_t larder_read_resident(int file, void *into, size_t count, off_t offset) {
  struct iovec part = {.iov_base = into, .iov_len = count};
  ssize_t got = preadv2(file, &part, 1, offset, RWF_NOWAIT);
  return got < 0 ? -errno : got;
}

/// sendfile(2); returns the bytes sent or -errno.
static inline ssize_t larder_sendfile(int socket, int file, off_t offset, size_t count) {
  ssize_t sent = sendfile(socket, file, &offset, count);
  return sent < 0 ? -errno : sent;
}

/// fallocate(2) with room set aside and the length set; 0 or -errno.
static inline int larder_allocate(int file, off_t length) {
  return fallocate(file, 0, 0, length) < 0 ? -errno : 0;
}

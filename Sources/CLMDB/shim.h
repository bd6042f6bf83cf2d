// LMDB as Swift sees it, and the one Linux call for its files that the Swift overlay of glibc does not show. Only the
// target LMDB imports this.
#pragma once
#include <errno.h>
#include <lmdb.h>
#include <sys/types.h>

// Declared here and not by _GNU_SOURCE, which would change types of the C library.
extern int fallocate(int file, int mode, off_t offset, off_t length);

/// fallocate(2) with FALLOC_FL_KEEP_SIZE: blocks for the first `bytes` of a file; 0 or -errno.
static inline int larder_set_aside(int file, off_t bytes) {
  return fallocate(file, 0x01, 0, bytes) == 0 ? 0 : -errno;
}

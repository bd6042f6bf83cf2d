// What fills do to a disk, and nothing else: four files that grow at the same time, by one thread, at a rate. Each block
// is brought to the disk when it is written, as Larder does it while somebody plays; the files are flushed as seldom as
// the promise allows that a power cut takes 2 s of what came in.
//
// usage: writer FOLDER BYTES_PER_SECOND
// Writes until it is sent SIGTERM, ten minutes at the most. Then removes the files and prints one line of JSON.
#define _GNU_SOURCE
#include "http.h"

#include <fcntl.h>
#include <signal.h>

enum { files = 4, block = 256 << 10, at_risk = 2, most_seconds = 600 };
// Whoever writes for longer begins each file anew.
static const off_t longest = 1 << 30;
static const unsigned push = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

static volatile sig_atomic_t is_over;
static void stop(int signal) { is_over = signal; }

int main(int count, char **arguments) {
  if (count != 3) fail("usage: writer FOLDER BYTES_PER_SECOND");
  double rate = atof(arguments[2]);
  if (!(rate > 0)) fail("no rate: %s", arguments[2]);
  signal(SIGTERM, stop);
  static char bytes[block];
  for (size_t i = 0, seed = 88172645463325252u; i < block; i++) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    bytes[i] = (char)seed;
  }
  char path[files][4096];
  int all[files];
  for (int i = 0; i < files; i++) {
    snprintf(path[i], sizeof path[i], "%s/written%d", arguments[1], i);
    all[i] = open(path[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (all[i] < 0) fail("%s: %s", path[i], strerror(errno));
  }
  uint64_t begin = now(), longest_flush = 0;
  uint64_t blocks = 0, flushes = 0, unflushed = 0;
  while (!is_over && now() - begin < most_seconds * 1000000000ull) {
    uint64_t due = begin + (uint64_t)((double)blocks * block / rate * 1e9), time = now();
    if (time < due) {
      struct timespec rest = {(time_t)((due - time) / 1000000000), (long)((due - time) % 1000000000)};
      nanosleep(&rest, NULL);
      continue;
    }
    int file = (int)(blocks % files);
    off_t position = (off_t)(blocks / files) * block % longest;
    if (pwrite(all[file], bytes, block, position) != block) fail("%s: %s", path[file], strerror(errno));
    // A file system that does not know this writes when it likes.
    sync_file_range(all[file], position, block, push);
    blocks++, unflushed += block;
    if ((double)unflushed < rate * at_risk) continue;
    for (int i = 0; i < files; i++) {
      uint64_t began = now();
      if (fdatasync(all[i])) fail("%s: %s", path[i], strerror(errno));
      if (now() - began > longest_flush) longest_flush = now() - began;
      flushes++;
    }
    unflushed = 0;
  }
  double elapsed = (double)(now() - begin) * 1e-9;
  for (int i = 0; i < files; i++) unlink(path[i]);
  printf(
      "{\"bytes\":%lu,\"seconds\":%.3f,\"flushes\":%lu,\"longest_flush_ms\":%.3f}\n", blocks * block, elapsed, flushes,
      (double)longest_flush * 1e-6);
  return 0;
}

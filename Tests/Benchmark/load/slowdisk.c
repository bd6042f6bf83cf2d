// A disk that is as slow as one says: one file, in which a loop device can put a file system. Every request takes its
// turn and its time, reads and writes alike, as on a real disk and unlike what limits of a cgroup do.
//
// usage: slowdisk FOLDER BACKING LATENCY_US MB_PER_SECOND SYNC_US
//   FOLDER           where FUSE is mounted; the disk is FOLDER/disk, as long as BACKING
//   LATENCY_US       each request takes that long
//   MB_PER_SECOND    and as long as its bytes take at this rate
//   SYNC_US          a flush of the disk's cache
// Runs until it is unmounted (fusermount3 -u FOLDER).
#define _GNU_SOURCE
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int backing;
static off_t size;
static double latency, byte_time, sync_time;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static struct timespec free_at;

/// Waits for the disk's turn and for as long as the request takes. Whoever comes takes the next free span of the disk's
/// time, in the order of coming.
static void take(double seconds) {
  pthread_mutex_lock(&turn);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (now.tv_sec > free_at.tv_sec || (now.tv_sec == free_at.tv_sec && now.tv_nsec > free_at.tv_nsec)) free_at = now;
  long nanoseconds = free_at.tv_nsec + (long)(seconds * 1e9);
  free_at.tv_sec += nanoseconds / 1000000000, free_at.tv_nsec = nanoseconds % 1000000000;
  struct timespec until = free_at;
  pthread_mutex_unlock(&turn);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
}

static int is_disk(const char *path) { return !strcmp(path, "/disk"); }

static int disk_getattr(const char *path, struct stat *status, struct fuse_file_info *info) {
  (void)info;
  memset(status, 0, sizeof *status);
  if (!strcmp(path, "/")) status->st_mode = S_IFDIR | 0755, status->st_nlink = 2;
  else if (is_disk(path)) status->st_mode = S_IFREG | 0600, status->st_nlink = 1, status->st_size = size;
  else return -ENOENT;
  return 0;
}

static int disk_readdir(
    const char *path, void *entries, fuse_fill_dir_t add, off_t offset, struct fuse_file_info *info,
    enum fuse_readdir_flags flags) {
  (void)path, (void)offset, (void)info, (void)flags;
  return add(entries, "disk", NULL, 0, 0), 0;
}

static int disk_open(const char *path, struct fuse_file_info *info) {
  // The file system in it has a cache of its own; a second one would hide the disk.
  info->direct_io = 1;
  return is_disk(path) ? 0 : -ENOENT;
}

static int disk_read(const char *path, char *bytes, size_t count, off_t offset, struct fuse_file_info *info) {
  (void)path, (void)info;
  take(latency + (double)count * byte_time);
  ssize_t got = pread(backing, bytes, count, offset);
  return got < 0 ? -errno : (int)got;
}

static int disk_write(const char *path, const char *bytes, size_t count, off_t offset, struct fuse_file_info *info) {
  (void)path, (void)info;
  take(latency + (double)count * byte_time);
  ssize_t put = pwrite(backing, bytes, count, offset);
  return put < 0 ? -errno : (int)put;
}

static int disk_fsync(const char *path, int only_data, struct fuse_file_info *info) {
  (void)path, (void)only_data, (void)info;
  take(sync_time);
  return 0;
}

static const struct fuse_operations operations = {
    .getattr = disk_getattr, .readdir = disk_readdir, .open = disk_open, .read = disk_read, .write = disk_write,
    .fsync = disk_fsync};

int main(int count, char **arguments) {
  if (count != 6) return fprintf(stderr, "usage: slowdisk FOLDER BACKING LATENCY_US MB_PER_SECOND SYNC_US\n"), 64;
  struct stat status;
  backing = open(arguments[2], O_RDWR);
  if (backing < 0 || fstat(backing, &status)) return fprintf(stderr, "%s: %s\n", arguments[2], strerror(errno)), 1;
  size = status.st_size;
  latency = atof(arguments[3]) * 1e-6, byte_time = 1e-6 / atof(arguments[4]), sync_time = atof(arguments[5]) * 1e-6;
  char *own[] = {arguments[0], "-f", "-o", "auto_unmount", arguments[1]};
  return fuse_main(5, own, &operations, NULL);
}

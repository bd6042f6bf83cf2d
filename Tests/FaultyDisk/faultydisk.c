// A disk that fails on order: preloaded into the program under test, it stands between it and the C library, counts the
// calls that touch files below one folder, and does to them what a plan says. It is a tool of the tests and no part of
// the product. It assumes Linux and glibc.
//
// LARDER_FAULTS names a folder with
//   root    the path whose files it watches;
//   plan    lines of KIND FROM TO ACTION NUMBER, read again whenever the file is replaced (then counting begins anew);
//   counts  written by us: for each kind a 64-bit count of the calls since the plan was read.
//
// ACTION                  does                                                     NUMBER
//   fail                  nothing, and returns the error                           errno
//   late                  the call, and then returns the error all the same        errno
//   lose                  fails a sync and drops what was written since the last   errno
//   short                 writes no more than so many bytes                        bytes
//   remap                 fails until something of an object is written           errno
//   delay                 waits before the call                                    milliseconds
//   hold                  waits until the plan is another one
//   forget                a read of an object, and then memory forgets the object
//   spoil                 once, right after this byte of an object was read,        offset
//                         memory forgets the object and the disk has another,
//                         and who reads it next hears of that 300 ms later
//   kill, killed          ends the process before the call, or after it

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
  OBJECT_WRITE, OBJECT_SYNC, OBJECT_READ, OBJECT_OPEN, FOLDER_SYNC, LINK, UNLINK, MKDIR, RENAME,
  LEDGER_WRITE, LEDGER_SYNC, LEDGER_META, LEDGER_ROOM, OTHER_WRITE, OTHER_SYNC, OBJECT_LOOK, SPACE, TRUNCATE, KINDS,
  NONE = KINDS
};
static const char *const names[KINDS] = {
  "object-write", "object-sync", "object-read", "object-open", "folder-sync", "link", "unlink", "mkdir", "rename",
  "ledger-write", "ledger-sync", "ledger-meta", "ledger-room", "other-write", "other-sync",
  "object-look", "space", "truncate"
};
enum action { PASS, FAIL, LATE, LOSE, SHORT, DELAY, HOLD, FORGET, SPOIL, REMAP, KILL, KILLED };
static const char *const actions[] = {
  "pass", "fail", "late", "lose", "short", "delay", "hold", "forget", "spoil", "remap", "kill", "killed"
};

struct rule { enum kind kind; uint64_t from, to; enum action action; long number; };
struct verdict { enum action action; long number; };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], plan[PATH_MAX];
static size_t root_length;
static struct rule rules[64];
static int rule_count;
static struct timespec plan_time;
static ino_t plan_file;
/// Whether the plan's byte was spoilt.
static int is_spoilt;
static uint64_t spare[KINDS], *counts = spare;

/// What was written to objects and not yet synced, for `lose`.
static struct { dev_t device; ino_t file; off_t offset; size_t length; } unsynced[4096];
static int unsynced_count;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

/// Reads the plan when it is another one; with the mutex held.
static void look(void) {
  struct stat status;
  if (stat(plan, &status) != 0) { rule_count = 0; plan_file = 0; return; }
  if (status.st_ino == plan_file && !memcmp(&status.st_mtim, &plan_time, sizeof plan_time)) return;
  plan_file = status.st_ino;
  plan_time = status.st_mtim;
  rule_count = 0;
  is_spoilt = 0;
  memset(counts, 0, sizeof spare);
  FILE *file = fopen(plan, "re");
  char kind[32], action[32];
  struct rule rule;
  while (file && rule_count < 64
      && fscanf(file, "%31s %lu %lu %31s %ld", kind, &rule.from, &rule.to, action, &rule.number) == 5) {
    for (rule.kind = 0; rule.kind < KINDS && strcmp(names[rule.kind], kind); rule.kind++) {}
    for (rule.action = PASS; rule.action <= KILLED && strcmp(actions[rule.action], action); rule.action++) {}
    if (rule.kind == KINDS || rule.action > KILLED) { fprintf(stderr, "faultydisk: %s %s?\n", kind, action); abort(); }
    rules[rule_count++] = rule;
  }
  if (file) fclose(file);
}

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("LARDER_FAULTS");
  if (!folder) return;
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/root", folder);
  FILE *file = fopen(path, "re");
  if (!file || !fgets(root, sizeof root, file)) { fprintf(stderr, "faultydisk: no %s\n", path); abort(); }
  fclose(file);
  root_length = strlen(root);
  snprintf(plan, sizeof plan, "%s/plan", folder);
  snprintf(path, sizeof path, "%s/counts", folder);
  int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0 || ftruncate(descriptor, sizeof spare) != 0) abort();
  counts = mmap(NULL, sizeof spare, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (counts == MAP_FAILED) abort();
  close(descriptor);
  look();
}

/// Counts a call and says what becomes of it; waits and ends the process itself. What is in memory waits for no disk,
/// however slow that is.
static struct verdict decide_on(enum kind kind, int is_in_memory) {
  struct verdict verdict = { PASS, 0 };
  if (kind == NONE) return verdict;
  int code = errno;
  pthread_mutex_lock(&mutex);
  look();
  uint64_t number = ++counts[kind];
  for (int i = 0; i < rule_count; i++)
    if (rules[i].kind == kind && rules[i].from <= number && (rules[i].to == 0 || number <= rules[i].to))
      verdict = (struct verdict){ rules[i].action, rules[i].number };
  if (verdict.action == REMAP) verdict.action = counts[OBJECT_WRITE] ? PASS : FAIL;
  ino_t file = plan_file;
  struct timespec time = plan_time;
  pthread_mutex_unlock(&mutex);
  if (verdict.action == KILL) kill(getpid(), SIGKILL);
  if (is_in_memory && (verdict.action == DELAY || verdict.action == HOLD)) verdict.action = PASS;
  if (verdict.action == DELAY) usleep(verdict.number * 1000);
  while (verdict.action == HOLD) {
    usleep(2000);
    pthread_mutex_lock(&mutex);
    look();
    if (file != plan_file || memcmp(&time, &plan_time, sizeof time)) verdict.action = PASS;
    pthread_mutex_unlock(&mutex);
  }
  errno = code;
  return verdict;
}

static struct verdict decide(enum kind kind) { return decide_on(kind, 0); }

/// Makes the call as the verdict has it.
#define AS_DECIDED(verdict, call) ({ \
  __typeof__(call) result; \
  if (verdict.action == FAIL) { errno = verdict.number; result = -1; } \
  else { \
    result = call; \
    if (verdict.action == KILLED) kill(getpid(), SIGKILL); \
    if (verdict.action == LATE) { errno = verdict.number; result = -1; } \
  } \
  result; })

/// The path below the root that a descriptor stands for; NULL when it is another file.
static const char *below(int descriptor, char path[PATH_MAX]) {
  if (!root_length) return NULL;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  int code = errno;
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  errno = code;
  if (length < 0) return NULL;
  path[length] = 0;
  if (strncmp(path, root, root_length) || (path[root_length] && path[root_length] != '/')) return NULL;
  return path[root_length] ? path + root_length + 1 : path + root_length;
}

enum use { WRITE, SYNC, READ };
static enum kind kind_of(int descriptor, enum use use, off_t offset) {
  char buffer[PATH_MAX];
  const char *path = below(descriptor, buffer);
  if (!path) return NONE;
  if (!strncmp(path, "objects/", 8)) return use == WRITE ? OBJECT_WRITE : use == SYNC ? OBJECT_SYNC : OBJECT_READ;
  if (use == READ) return NONE;
  // LMDB's two meta pages, 4 KiB each.
  if (!strncmp(path, "ledger/data.mdb", 15))
    return use == SYNC ? LEDGER_SYNC : offset >= 0 && offset < 8192 ? LEDGER_META : LEDGER_WRITE;
  struct stat status;
  if (use == SYNC && fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) return FOLDER_SYNC;
  return use == SYNC ? OTHER_SYNC : OTHER_WRITE;
}

static void note(int descriptor, off_t offset, ssize_t length) {
  struct stat status;
  if (length <= 0 || fstat(descriptor, &status) != 0) return;
  pthread_mutex_lock(&mutex);
  if (unsynced_count < 4096) {
    unsynced[unsynced_count].device = status.st_dev;
    unsynced[unsynced_count].file = status.st_ino;
    unsynced[unsynced_count].offset = offset;
    unsynced[unsynced_count++].length = length;
  }
  pthread_mutex_unlock(&mutex);
}

/// Forgets what was written since the last sync; drops it too when told so.
static void settle(int descriptor, int drops) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return;
  pthread_mutex_lock(&mutex);
  int kept = 0;
  for (int i = 0; i < unsynced_count; i++) {
    if (unsynced[i].device != status.st_dev || unsynced[i].file != status.st_ino) {
      unsynced[kept++] = unsynced[i];
      continue;
    }
    char *zeros = drops ? calloc(1, unsynced[i].length) : NULL;
    if (zeros) (void)!REAL(pwrite)(descriptor, zeros, unsynced[i].length, unsynced[i].offset);
    free(zeros);
  }
  unsynced_count = kept;
  pthread_mutex_unlock(&mutex);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  enum kind kind = kind_of(descriptor, WRITE, offset);
  struct verdict verdict = decide(kind);
  if (verdict.action == SHORT && (size_t)verdict.number < length) length = verdict.number;
  ssize_t wrote = AS_DECIDED(verdict, REAL(pwrite)(descriptor, bytes, length, offset));
  if (kind == OBJECT_WRITE) note(descriptor, offset, wrote);
  return wrote;
}
ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));

ssize_t write(int descriptor, const void *bytes, size_t length) {
  struct verdict verdict = decide(kind_of(descriptor, WRITE, -1));
  if (verdict.action == SHORT && (size_t)verdict.number < length) length = verdict.number;
  return AS_DECIDED(verdict, REAL(write)(descriptor, bytes, length));
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  struct verdict verdict = decide(kind_of(descriptor, WRITE, -1));
  if (verdict.action == SHORT) return REAL(write)(descriptor, parts[0].iov_base, parts[0].iov_len);
  return AS_DECIDED(verdict, REAL(writev)(descriptor, parts, count));
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  struct verdict verdict = decide(kind_of(descriptor, WRITE, offset));
  if (verdict.action == SHORT) return REAL(pwrite)(descriptor, parts[0].iov_base, parts[0].iov_len, offset);
  return AS_DECIDED(verdict, REAL(pwritev)(descriptor, parts, count, offset));
}

static void spoil(int descriptor, off_t offset) {
  char path[64], byte;
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0 || REAL(pread)(file, &byte, 1, offset) != 1) abort();
  byte = ~byte;
  // As a disk changes it: the time of the last write stays.
  struct stat status;
  if (fstat(file, &status) != 0 || REAL(pwrite)(file, &byte, 1, offset) != 1) abort();
  if (futimens(file, (struct timespec[]){ status.st_atim, status.st_mtim }) != 0 || REAL(fsync)(file) != 0) abort();
  // What the kernel or a socket still holds is forgotten a moment later.
  size_t page = sysconf(_SC_PAGESIZE);
  void *map = mmap(NULL, page, PROT_READ, MAP_SHARED, file, offset / page * page);
  unsigned char is_in_memory = 1;
  for (int tries = 0; map != MAP_FAILED && is_in_memory & 1; tries++) {
    if (tries > 5000) abort();
    if (tries > 0) usleep(200);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    mincore(map, page, &is_in_memory);
  }
  munmap(map, page);
  close(file);
}
ssize_t pread(int descriptor, void *bytes, size_t length, off_t offset) {
  struct verdict verdict = decide(kind_of(descriptor, READ, offset));
  ssize_t got = AS_DECIDED(verdict, REAL(pread)(descriptor, bytes, length, offset));
  if (verdict.action == FORGET) posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  if (verdict.action == SPOIL && offset <= verdict.number && verdict.number < offset + got) {
    if (!__atomic_exchange_n(&is_spoilt, 1, __ATOMIC_SEQ_CST)) spoil(descriptor, verdict.number); else usleep(300000);
  }
  return got;
}
// The program under test sends, and reads with RWF_NOWAIT, what it knows to be in memory.
ssize_t preadv2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags) {
  struct verdict verdict = decide_on(kind_of(descriptor, READ, offset), flags != 0);
  return AS_DECIDED(verdict, REAL(preadv2)(descriptor, parts, count, offset, flags));
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) {
  struct verdict verdict = decide_on(kind_of(from, READ, offset ? *offset : 0), 1);
  return AS_DECIDED(verdict, REAL(sendfile)(to, from, offset, length));
}

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  char buffer[PATH_MAX];
  struct verdict verdict = decide(below(descriptor, buffer) ? LEDGER_ROOM : NONE);
  return AS_DECIDED(verdict, REAL(fallocate)(descriptor, mode, offset, length));
}

int ftruncate(int descriptor, off_t length) {
  char buffer[PATH_MAX];
  struct verdict verdict = decide(below(descriptor, buffer) ? TRUNCATE : NONE);
  return AS_DECIDED(verdict, REAL(ftruncate)(descriptor, length));
}
int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));

int fstatvfs(int descriptor, struct statvfs *found) {
  char buffer[PATH_MAX];
  struct verdict verdict = decide(below(descriptor, buffer) ? SPACE : NONE);
  return AS_DECIDED(verdict, REAL(fstatvfs)(descriptor, found));
}

static int synchronize(int descriptor, int (*call)(int)) {
  enum kind kind = kind_of(descriptor, SYNC, 0);
  struct verdict verdict = decide(kind);
  if (verdict.action == LOSE) { settle(descriptor, 1); errno = verdict.number; return -1; }
  int result = AS_DECIDED(verdict, call(descriptor));
  if (kind == OBJECT_SYNC && result == 0) settle(descriptor, 0);
  return result;
}
int fsync(int descriptor) { return synchronize(descriptor, REAL(fsync)); }
int fdatasync(int descriptor) { return synchronize(descriptor, REAL(fdatasync)); }
int syncfs(int descriptor) { return synchronize(descriptor, REAL(syncfs)); }

// Names: calls relative to a descriptor below the root, or with a path below it.

static int is_ours(int folder, const char *path) {
  char buffer[PATH_MAX];
  if (!root_length) return 0;
  return path[0] == '/' ? !strncmp(path, root, root_length) : folder >= 0 && below(folder, buffer) != NULL;
}

int linkat(int from, const char *old, int to, const char *new, int flags) {
  struct verdict verdict = decide(is_ours(to, new) ? LINK : NONE);
  return AS_DECIDED(verdict, REAL(linkat)(from, old, to, new, flags));
}
int unlinkat(int folder, const char *path, int flags) {
  struct verdict verdict = decide(is_ours(folder, path) ? UNLINK : NONE);
  return AS_DECIDED(verdict, REAL(unlinkat)(folder, path, flags));
}
int mkdirat(int folder, const char *path, mode_t mode) {
  struct verdict verdict = decide(is_ours(folder, path) ? MKDIR : NONE);
  return AS_DECIDED(verdict, REAL(mkdirat)(folder, path, mode));
}
int mkdir(const char *path, mode_t mode) {
  struct verdict verdict = decide(is_ours(-1, path) ? MKDIR : NONE);
  return AS_DECIDED(verdict, REAL(mkdir)(path, mode));
}
int rename(const char *old, const char *new) {
  struct verdict verdict = decide(is_ours(-1, new) ? RENAME : NONE);
  return AS_DECIDED(verdict, REAL(rename)(old, new));
}
int renameat(int from, const char *old, int to, const char *new) {
  struct verdict verdict = decide(is_ours(to, new) ? RENAME : NONE);
  return AS_DECIDED(verdict, REAL(renameat)(from, old, to, new));
}
int renameat2(int from, const char *old, int to, const char *new, unsigned int flags) {
  struct verdict verdict = decide(is_ours(to, new) ? RENAME : NONE);
  return AS_DECIDED(verdict, REAL(renameat2)(from, old, to, new, flags));
}
int openat(int folder, const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  enum kind kind = flags & O_CREAT ? OBJECT_OPEN : strncmp(path, "objects/", 8) ? NONE : OBJECT_LOOK;
  struct verdict verdict = decide(kind != NONE && is_ours(folder, path) ? kind : NONE);
  return AS_DECIDED(verdict, REAL(openat)(folder, path, flags, mode));
}

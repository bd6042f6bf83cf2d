// The Linux calls that the Swift overlay of glibc does not show: typed, inline, and nothing else.
//
// _GNU_SOURCE is not defined here: it changes types of the C library, which must be the same in all of Swift's modules.
// What it would declare is declared below instead.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/capability.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

extern int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
extern ssize_t preadv2(int file, const struct iovec *parts, int count, off_t offset, int flags);
extern long syscall(long number, ...);
extern int renameat2(int from, const char *name, int to, const char *fresh, unsigned int flags);
extern int sync_file_range(int file, off_t offset, off_t count, unsigned int flags);
extern int syncfs(int descriptor);
extern int pthread_setname_np(pthread_t thread, const char *name);
/// The part of glibc's dl_phdr_info that every version has.
struct larder_loaded {
  ElfW(Addr) address;
  const char *name;
  const ElfW(Phdr) *segments;
  ElfW(Half) count;
};
extern int dl_iterate_phdr(int (*visit)(struct larder_loaded *, size_t, void *), void *context);
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

/// accept4(2), close-on-exec and non-blocking from birth.
static inline int larder_accept(int listener) {
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/// Who is at the other end of a Unix socket, by SO_PEERCRED (unix(7)): the user's number, or -errno.
static inline long larder_peer_user(int socket) {
  struct { pid_t process; uid_t user; gid_t group; } peer;
  socklen_t length = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 ? -errno : (long)peer.user;
}

/// preadv2(2) with RWF_NOWAIT: only what is in the page cache; EAGAIN (as -EAGAIN) for a cold page.
static inline ssize_t larder_read_resident(int file, void *into, size_t count, off_t offset) {
  struct iovec part = {.iov_base = into, .iov_len = count};
  ssize_t got = preadv2(file, &part, 1, offset, RWF_NOWAIT);
  return got < 0 ? -errno : got;
}

/// cachestat(2), Linux 6.5: how many pages of these bytes are in the page cache, or -errno. One look at each folio, where
/// mincore(2) looks up each page: a twentieth of the time.
static inline long larder_cached_pages(int file, uint64_t offset, uint64_t count) {
  enum { number = 451 };  // the same on every architecture but Alpha; older headers do not have it
  struct { uint64_t offset, count; } range = {offset, count};
  struct { uint64_t cached, dirty, writeback, evicted, recently_evicted; } found;
  return syscall(number, file, &range, &found, 0) < 0 ? -errno : (long)found.cached;
}

/// sendfile(2); returns the bytes sent or -errno.
static inline ssize_t larder_sendfile(int socket, int file, off_t offset, size_t count) {
  ssize_t sent = sendfile(socket, file, &offset, count);
  return sent < 0 ? -errno : sent;
}

/// sync_file_range(2) with all its flags, WAIT_BEFORE, WRITE and WAIT_AFTER: has a range written and waits for it. 0 or
/// -errno; a file system that does not know it is no error.
static inline int larder_push(int file, off_t offset, off_t count) {
  return sync_file_range(file, offset, count, 7) < 0 && errno != ENOSYS && errno != ESPIPE ? -errno : 0;
}

/// fcntl(2): reads by this descriptor come from the disk and not from memory (O_DIRECT, open(2)), or as ever. 0 or -errno,
/// as where the file system does not do that.
static inline int larder_read_past_memory(int file, int wanted) {
  int flags = fcntl(file, F_GETFL);
  if (flags < 0) return -errno;
  // By its inner name: the other is for _GNU_SOURCE.
  flags = wanted ? flags | __O_DIRECT : flags & ~__O_DIRECT;
  return fcntl(file, F_SETFL, flags) < 0 ? -errno : 0;
}

/// pthread_setname_np(3); a name over 15 bytes is not taken.
static inline void larder_name_thread(pthread_t thread, const char *name) {
  pthread_setname_np(thread, name);
}

/// malloc_trim(3): free memory between what is in use goes back to the system.
static inline void larder_trim_heap(void) {
  malloc_trim(0);
}

/// mallopt(3): freed blocks of `bytes` and more go back to the system at once; of smaller ones `kept` bytes stay at the end
/// of a heap, and at most `arenas` threads have a heap of their own.
static inline void larder_limit_heaps(int bytes, int kept, int arenas) {
  mallopt(M_MMAP_THRESHOLD, bytes);
  mallopt(M_TRIM_THRESHOLD, kept);
  mallopt(M_ARENA_MAX, arenas);
}

static inline int larder_unmap_code_of(struct larder_loaded *loaded, size_t size, void *page) {
  uintptr_t mask = ~(*(uintptr_t *)page - 1);
  for (const ElfW(Phdr) *segment = loaded->segments; segment < loaded->segments + loaded->count; segment++) {
    // What may be written to differs from its file.
    if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
    uintptr_t start = (loaded->address + segment->p_vaddr) & mask;
    uintptr_t end = (loaded->address + segment->p_vaddr + segment->p_memsz + ~mask) & mask;
    madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

/// dl_iterate_phdr(3), madvise(2): the pages of code and constants, of the program and its libraries, leave this process and
/// come back, most of them from the page cache, as they are used.
static inline void larder_unmap_code(void) {
  uintptr_t page = sysconf(_SC_PAGESIZE);
  dl_iterate_phdr(larder_unmap_code_of, &page);
}

/// renameat2(2) with RENAME_NOREPLACE: what stands at the new name stays, and the answer is -EEXIST.
static inline int larder_rename_new(int from, const char *name, int to, const char *fresh) {
  return renameat2(from, name, to, fresh, 1) < 0 ? -errno : 0;
}

/// syncfs(2); 0 or -errno.
static inline int larder_sync_whole(int descriptor) {
  return syncfs(descriptor) < 0 ? -errno : 0;
}

/// setuid(2) for good, and with it every capability is given up but one, where `path` cannot be reached without it: the
/// right to look into folders (CAP_DAC_READ_SEARCH, capabilities(7)). Of the threads only this one has that, and those that
/// it starts. 0 or -errno.
static inline int larder_become(uid_t user, const char *path) {
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setuid(user) < 0) return -errno;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct sets[2] = {{0, 0, 0}, {0, 0, 0}};
  // What access(2) finds, it finds without capabilities.
  if (access(path, X_OK) < 0) sets[0].permitted = sets[0].effective = 1u << CAP_DAC_READ_SEARCH;
  return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

/// The file system's number by fstatfs(2); 0 when it cannot be asked.
static inline long larder_file_system(int descriptor) {
  struct statfs statistics;
  return fstatfs(descriptor, &statistics) < 0 ? 0 : (long)statistics.f_type;
}

/// open(2) of /proc/self/maps, or -1, for a handler of signals: a path as Swift hands it over may take memory first.
static inline int larder_open_maps(void) {
  return open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
}

/// Whose `owner` is now: 0 when this thread took it, 1 when it had it before, 2 when another has it. For a handler of
/// signals; 0 is nobody.
static inline int larder_claim(int *owner) {
  int mine = (int)syscall(SYS_gettid), found = 0;
  if (__atomic_compare_exchange_n(owner, &found, mine, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return 0;
  return found == mine ? 1 : 2;
}

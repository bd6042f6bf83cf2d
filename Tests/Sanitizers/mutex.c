// Tells ThreadSanitizer what Swift's Mutex does when two threads want it at the same moment.
//
// Taking a free Mutex is compiled into our own code, where ThreadSanitizer sees it. Waiting for one and waking who waits
// happens in libswiftSynchronization, which is not instrumented: without this, every contended Mutex is reported as a
// race. To be preloaded (LD_PRELOAD); it does nothing in a program without ThreadSanitizer.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *

extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

typedef SWIFT void (*Lock)(uint32_t, SELF);
typedef SWIFT void (*Unlock)(SELF);

// Synchronization._MutexHandle._lockSlow(UInt32) -> ()
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
// Synchronization._MutexHandle._unlockSlow() -> ()
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slow(uint32_t thread, SELF self) __asm__(LOCK);
SWIFT void lock_slow(uint32_t thread, SELF self) {
  ((Lock)dlsym(RTLD_NEXT, LOCK))(thread, self);
  if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT void unlock_slow(SELF self) __asm__(UNLOCK);
SWIFT void unlock_slow(SELF self) {
  if (__tsan_release) __tsan_release(self);
  ((Unlock)dlsym(RTLD_NEXT, UNLOCK))(self);
}

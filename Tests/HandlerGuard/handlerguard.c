// A witness of what a handler of signals does: preloaded into the program under test, it ends the program when memory is
// asked for or given back in a handler of a fault, where the heap may be what was written over or locked. It is a tool of
// the tests and no part of the product. It assumes Linux and glibc.
//
// LARDER_HANDLER=trip has the handler itself trip, once, where it opens a file.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

typedef void handler(int, siginfo_t *, void *);

static handler *wrapped[NSIG];
static __thread bool is_handling __attribute__((tls_model("initial-exec")));
static volatile bool trips;

static void say(const char *line) {
  ssize_t ignored = write(2, line, strlen(line));
  (void)ignored;
}

static void forbid(void) {
  if (!is_handling) return;
  say("handlerguard: a handler of a fault uses the heap\n");
  _exit(98);
}

static void handle(int number, siginfo_t *info, void *context) {
  is_handling = true;
  wrapped[number](number, info, context);
  is_handling = false;
}

int sigaction(int number, const struct sigaction *action, struct sigaction *before) {
  static int (*real)(int, const struct sigaction *, struct sigaction *);
  if (!real) {
    *(void **)&real = dlsym(RTLD_NEXT, "sigaction");
    const char *what = getenv("LARDER_HANDLER");
    trips = what && !strcmp(what, "trip");
  }
  bool is_fault = number == SIGSEGV || number == SIGBUS || number == SIGABRT || number == SIGILL || number == SIGTRAP;
  struct sigaction mine;
  if (is_fault && action && action->sa_flags & SA_SIGINFO) {
    wrapped[number] = action->sa_sigaction;
    mine = *action;
    mine.sa_sigaction = handle;
    action = &mine;
  }
  return real(number, action, before);
}

int open(const char *path, int flags, ...) {
  static int (*real)(const char *, int, ...);
  if (!real) *(void **)&real = dlsym(RTLD_NEXT, "open");
  if (is_handling && trips) {
    trips = false;
    say("handlerguard: trips\n");
    *(volatile int *)8 = 0;
  }
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return real(path, flags, mode);
}

void *malloc(size_t size) { forbid(); return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { forbid(); return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { forbid(); return __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { forbid(); return __libc_memalign(alignment, size); }
int posix_memalign(void **made, size_t alignment, size_t size) {
  forbid();
  *made = __libc_memalign(alignment, size);
  return *made ? 0 : ENOMEM;
}
void free(void *old) { forbid(); __libc_free(old); }

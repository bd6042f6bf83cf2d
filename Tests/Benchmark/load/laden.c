// minimal.c with the libraries that Larder is linked with, and each of them begun as Larder must begin it: what a
// process with them costs before a line of its own has run.
//
// usage: laden PORT FILE FOLDER keep|release
//   FOLDER    where an LMDB environment is made
//   release   lets go of the code and the constants that only the start needed, as Larder does; they come back as they
//             are used
#define main serve
#include "minimal.c"
#undef main

#include <curl/curl.h>
#include <link.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <uv.h>

static void must(int is_well, const char *what) {
  if (!is_well) fail("%s does not begin", what);
}

/// A fetch of nothing, by a handle in a multi: the handles stay, as a client keeps them.
static void begin_curl(void) {
  must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "libcurl");
  CURL *easy = curl_easy_init();
  CURLM *multi = curl_multi_init();
  must(easy && multi, "libcurl");
  must(curl_easy_setopt(easy, CURLOPT_URL, "http://127.0.0.1:1/") == CURLE_OK, "libcurl");
  must(curl_multi_add_handle(multi, easy) == CURLM_OK, "libcurl");
  for (int running = 1; running;)
    must(!curl_multi_perform(multi, &running) && !curl_multi_poll(multi, NULL, 0, 10, NULL), "libcurl");
}

static void begin_lmdb(const char *folder) {
  MDB_env *environment;
  MDB_txn *tx;
  MDB_dbi table;
  MDB_val key = {3, "key"}, value = {5, "value"};
  must(!mdb_env_create(&environment) && !mdb_env_set_mapsize(environment, 64 << 20)
           && !mdb_env_set_maxdbs(environment, 24) && !mdb_env_open(environment, folder, MDB_NOTLS, 0640), "LMDB");
  must(!mdb_txn_begin(environment, NULL, 0, &tx) && !mdb_dbi_open(tx, "table", MDB_CREATE, &table)
           && !mdb_put(tx, table, &key, &value, 0) && !mdb_txn_commit(tx), "LMDB");
}

static void begin_uv(void) {
  static uv_loop_t loop;
  must(!uv_loop_init(&loop) && !uv_run(&loop, UV_RUN_NOWAIT), "libuv");
}

static int release(struct dl_phdr_info *loaded, size_t size, void *unused) {
  (void)size, (void)unused;
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  for (int i = 0; i < loaded->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &loaded->dlpi_phdr[i];
    // What may be written to differs from its file.
    if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
    uintptr_t start = (loaded->dlpi_addr + segment->p_vaddr) & ~(page - 1);
    madvise((void *)start, loaded->dlpi_addr + segment->p_vaddr + segment->p_memsz - start, MADV_DONTNEED);
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count != 5) fail("usage: laden PORT FILE FOLDER keep|release");
  begin_curl(), begin_lmdb(arguments[3]), begin_uv();
  if (!strcmp(arguments[4], "release")) dl_iterate_phdr(release, NULL);
  return serve(3, arguments);
}

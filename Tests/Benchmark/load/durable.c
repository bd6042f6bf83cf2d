// What durability demands of starts, evictions and deletions of titles that a box holds, and nothing else: commits of
// the rows that Larder writes for them, into a ledger as large as its own; links, and the sync of their folders. No
// HTTP, no JSON, no tokens, no decisions. What it reaches is what LMDB and the disk allow, and so the limit for Larder.
//
// usage: durable FOLDER KIND CALLS CLIENTS GROUPS USERS MARK
//   FOLDER   a data directory: ledger/ with a copy of what FillLedger made, objects/, and the users' links
//   KIND     start, evict (a start for which the user's oldest title goes) or delete
//   CLIENTS  as many wait at a time, each for its own
//   GROUPS   as many threads, each with a part of the clients: those of one share their commits and their sync
//   USERS    user0, user1, … in turn
//   MARK     the quality of what is started: another one each time
// Prints one line of JSON, with the names of `calls`.
#define _GNU_SOURCE
#include "http.h"

#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <sys/stat.h>

enum table {
  downloads, users, counts, objects, discards, audit, meta, live, gone, claims, queue, owners, lru_user, lru_box, tables
};
static const char *const names[tables] = {
    "downloads", "users", "counts", "objects", "discards", "audit", "meta", "live", "gone", "claims", "queue", "owners",
    "lru_user", "lru_box"};
// Of a record of a download and of one in the diary, what comes before the texts; and how many the diary keeps.
enum { download_head = 76, audit_head = 50, audit_limit = 100000, largest = 1024 };

/// A key that is put together.
struct key {
  size_t count;
  unsigned char at[400];
};

/// One call of a client.
struct deed {
  uint64_t begun, object;
  struct key user, id, record;
  char folder[64], title[64], link[200];
  char victim[400];  // the link that goes
};

static enum { start, evict, delete } kind;
static MDB_env *environment;
static MDB_txn *tx;
static MDB_dbi handles[tables];
static pthread_mutex_t writer = PTHREAD_MUTEX_INITIALIZER;
static int root, share;
static const char *mark;
static uint64_t *whole, whole_count, user_count, calls, next, answered, audits, numbers;
static struct histogram times;

static void check(int code, const char *what) {
  if (code) fail("%s: %s", what, mdb_strerror(code));
}

static struct key add(struct key to, const void *bytes, size_t count) {
  if (to.count + count > sizeof to.at) fail("a key of more than %zu bytes", sizeof to.at);
  memcpy(to.at + to.count, bytes, count);
  to.count += count;
  return to;
}

static struct key number_key(struct key to, uint64_t number) {
  uint64_t bytes = __builtin_bswap64(number);
  return add(to, &bytes, sizeof bytes);
}

static struct key join(struct key to, const struct key *more) { return add(to, more->at, more->count); }
static struct key of(uint64_t number) { return number_key((struct key){0}, number); }
static struct key word(const char *text) { return add((struct key){0}, text, strlen(text)); }

/// A text with its length before it, as users and titles are in keys.
static struct key with_length(struct key to, const char *text) {
  unsigned char length = (unsigned char)strlen(text);
  return add(add(to, &length, 1), text, length);
}

/// A text with its length before it, as texts are in records.
static struct key text_in(struct key to, const char *text) {
  uint16_t length = (uint16_t)strlen(text);
  return add(add(to, &length, 2), text, length);
}

static uint64_t number_at(const void *bytes) {
  uint64_t number;
  memcpy(&number, bytes, sizeof number);
  return __builtin_bswap64(number);
}

/// Milliseconds since 1970.
static uint64_t moment(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

// What is in the values is nobody's business here; how long they are is. Only what is read again is as Larder has it.
static void put(enum table table, struct key key, const void *value, size_t count) {
  static const char nothing[largest];
  MDB_val k = {key.count, key.at}, v = {count, (void *)(value ? value : nothing)};
  check(mdb_put(tx, handles[table], &k, &v, 0), names[table]);
}

static void take(enum table table, struct key key) {
  MDB_val k = {key.count, key.at};
  int code = mdb_del(tx, handles[table], &k, NULL);
  // What is linked need not have been discarded before.
  if (code != MDB_NOTFOUND || table != discards) check(code, names[table]);
}

/// Reads a record and writes it, as whoever changes a field of it.
static size_t rewrite(enum table table, struct key key, size_t more) {
  char value[largest] = {0};
  MDB_val k = {key.count, key.at}, v;
  check(mdb_get(tx, handles[table], &k, &v), names[table]);
  if (v.mv_size + more > sizeof value) fail("a record of more than %d bytes", largest);
  size_t count = v.mv_size + more;
  memcpy(value, v.mv_data, v.mv_size);
  put(table, key, value, count);
  return count;
}

static void note(const struct deed *d, size_t cause) {
  put(audit, of(++audits), NULL, audit_head + 2 + d->user.count - 1 + 2 + cause);
  put(meta, word("next_audit"), of(audits).at, 8);
  if (audits > audit_limit) take(audit, of(audits - audit_limit));
}

/// What each change of a download counts.
static void count_it(const struct deed *d) {
  rewrite(counts, d->user, 0);
  rewrite(users, d->user, 0);
  rewrite(meta, word("statuses"), 0);
}

/// When an owner of the object last wanted it; 0 while one of them may not be evicted.
static uint64_t wanted(uint64_t object) {
  MDB_cursor *cursor;
  struct key prefix = of(object);
  MDB_val k = {prefix.count, prefix.at}, v;
  uint64_t found = 0;
  check(mdb_cursor_open(tx, handles[owners], &cursor), "owners");
  for (MDB_cursor_op step = MDB_SET_RANGE; !mdb_cursor_get(cursor, &k, &v, step); step = MDB_NEXT)
    if (k.mv_size != 32 || memcmp(k.mv_data, prefix.at, 8) || !(found = number_at((char *)k.mv_data + 8))) break;
  mdb_cursor_close(cursor);
  return found;
}

/// Moves the object to where it stands now that its owners are others.
static void settle_place(uint64_t object, uint64_t before) {
  uint64_t after = wanted(object);
  if (after == before) return;
  if (before) take(lru_box, number_key(of(before), object));
  if (after) put(lru_box, number_key(of(after), object), NULL, 8);
}

/// A download of an object that is there: the first of a start's two changes.
static void admit(struct deed *d) {
  uint64_t before = wanted(d->object);
  put(downloads, d->id, d->record.at, d->record.count);
  put(live, join(d->user, &d->id), NULL, 0);
  struct key claim = with_length(d->user, d->title);
  put(claims, add(claim, mark, strlen(mark)), d->id.at, d->id.count);
  put(queue, d->id, of(d->object).at, 8);
  put(owners, join(number_key(of(d->object), 0), &d->id), NULL, 0);
  settle_place(d->object, before);
  count_it(d);
  rewrite(objects, of(d->object), 0);
  note(d, strlen("asked for by the user"));
}

/// The second, once its link is durable.
static void complete(struct deed *d) {
  uint64_t now = moment(), before = wanted(d->object);
  take(discards, word(d->link));
  put(downloads, d->id, d->record.at, d->record.count);
  take(queue, d->id);
  take(owners, join(number_key(of(d->object), 0), &d->id));
  put(owners, join(number_key(of(d->object), now), &d->id), NULL, 0);
  struct key row = number_key(d->user, now);
  put(lru_user, join(row, &d->id), number_key(of(d->object), 1000).at, 16);
  settle_place(d->object, before);
  count_it(d);
  note(d, strlen("whole and verified"));
}

/// Takes a text out of a record; the next one begins where it ends.
static void read_text(const char **at, const char *end, char *into, size_t room) {
  uint16_t length;
  if (end - *at < 2) fail("a record that ends too early");
  memcpy(&length, *at, 2);
  if (length >= room || end - *at < 2 + length) fail("a text of %d bytes in a record", length);
  memcpy(into, *at + 2, length);
  into[length] = 0;
  *at += 2 + length;
}

/// The user's oldest title goes: the one change of a deletion, and a part of the first one of a start that evicts.
static void remove_oldest(struct deed *d) {
  MDB_cursor *cursor;
  MDB_val k = {d->user.count, d->user.at}, v;
  check(mdb_cursor_open(tx, handles[lru_user], &cursor), "lru_user");
  check(mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE), "lru_user");
  if (k.mv_size != d->user.count + 24 || memcmp(k.mv_data, d->user.at, d->user.count) || v.mv_size != 16)
    fail("a user without a title");
  struct key row = add((struct key){0}, k.mv_data, k.mv_size);
  struct key id = add((struct key){0}, row.at + row.count - 16, 16);
  uint64_t last = number_at(row.at + d->user.count), object = number_at(v.mv_data), before = wanted(object);
  mdb_cursor_close(cursor);

  char user[128], title[128], quality[32];
  MDB_val record;
  k = (MDB_val){id.count, id.at};
  check(mdb_get(tx, handles[downloads], &k, &record), "downloads");
  const char *at = (char *)record.mv_data + download_head, *end = (char *)record.mv_data + record.mv_size;
  read_text(&at, end, user, sizeof user), read_text(&at, end, title, sizeof title);
  read_text(&at, end, quality, sizeof quality);
  snprintf(d->victim, sizeof d->victim, "%s/%s_%s.mp4", d->folder, title, quality);

  note(d, strlen(kind == delete ? "by the user" : "the quota of user1234 was full"));
  put(discards, word(d->victim), NULL, 16);
  put(meta, word("next_discard"), NULL, 8);
  // Whose title was evicted is told why.
  const char *why = "removed to make room: the quota of user1234 was full; start it again to get it back";
  rewrite(downloads, id, kind == delete ? 0 : strlen(why));
  take(live, join(d->user, &id));
  struct key claim = with_length(d->user, title);
  take(claims, add(claim, quality, strlen(quality)));
  take(owners, join(number_key(of(object), last), &id));
  take(lru_user, row);
  put(gone, join(d->user, &id), NULL, 0);
  settle_place(object, before);
  count_it(d);
  rewrite(objects, of(object), 0);
}

/// Strikes off what is removed for good.
static void settle(const struct deed *d) {
  take(discards, word(d->victim));
  rewrite(meta, word("box"), 0);
}

static void begin(struct deed *d, uint64_t begun, uint64_t call) {
  uint64_t user = call % user_count, index = (call / user_count + 7919 * user) % whole_count;
  char name[32];
  snprintf(name, sizeof name, "user%lu", user);
  snprintf(d->folder, sizeof d->folder, "downloads/users/%s", name);
  snprintf(d->title, sizeof d->title, "title%lu", index);
  snprintf(d->link, sizeof d->link, "%s/%s_%s.mp4", d->folder, d->title, mark);
  d->begun = begun, d->object = whole[index];
  d->user = with_length((struct key){0}, name);
  d->id = number_key(of(moment() << 16), ++numbers);
  // The texts of a download: whose, which title in which quality, its key, its extension, its trouble.
  const char *const texts[] = {name, d->title, mark, d->title, "mp4", ""};
  d->record = (struct key){.count = download_head};
  for (int i = 0; i < 6; i++) d->record = text_in(d->record, texts[i]);
}

/// The names on the disk, and their folders durable: all at once where they are many, as Larder does it.
static void name_them(struct deed *all, int count) {
  for (int i = 0; i < count; i++) {
    struct deed *d = &all[i];
    char object[64];
    snprintf(object, sizeof object, "objects/%016lx", d->object);
    if (kind != delete && linkat(root, object, root, d->link, 0)) fail("link %s: %s", d->link, strerror(errno));
    if (kind != start && unlinkat(root, d->victim, 0)) fail("unlink %s: %s", d->victim, strerror(errno));
  }
  if (count > 2) {
    if (syncfs(root)) fail("syncfs: %s", strerror(errno));
    return;
  }
  for (int i = 0; i < count; i++) {
    int folder = openat(root, all[i].folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || fsync(folder)) fail("sync %s: %s", all[i].folder, strerror(errno));
    close(folder);
  }
}

/// Rounds of one group until there are no more calls. Nobody hears of anything before it is durable.
static void *work(void *unused) {
  struct deed *all = calloc((size_t)share, sizeof *all);
  for (int count = 0;;) {
    uint64_t begun = now();
    pthread_mutex_lock(&writer);
    check(mdb_txn_begin(environment, NULL, 0, &tx), "begin");
    // A deletion is answered once its name is gone; that it need not be removed again is written with the next.
    for (int i = 0; kind == delete && i < count; i++) settle(&all[i]);
    for (count = 0; count < share && next < calls; count++) begin(&all[count], begun, next++);
    for (int i = 0; i < count; i++) {
      if (kind != start) remove_oldest(&all[i]);
      if (kind != delete) admit(&all[i]);
    }
    check(mdb_txn_commit(tx), "commit");
    pthread_mutex_unlock(&writer);
    if (!count) break;
    name_them(all, count);
    pthread_mutex_lock(&writer);
    if (kind != delete) {
      check(mdb_txn_begin(environment, NULL, 0, &tx), "begin");
      for (int i = 0; i < count; i++) {
        complete(&all[i]);
        if (kind == evict) settle(&all[i]);
      }
      check(mdb_txn_commit(tx), "commit");
    }
    for (int i = 0; i < count; i++) add_time(&times, now() - all[i].begun);
    answered += (uint64_t)count;
    pthread_mutex_unlock(&writer);
  }
  free(all);
  return unused;
}

/// Opens the ledger as Larder does, every commit in full; but for the locks, since nobody else is there.
static void open_ledger(const char *folder) {
  char path[4096];
  snprintf(path, sizeof path, "%s/ledger", folder);
  check(mdb_env_create(&environment), path);
  check(mdb_env_set_mapsize(environment, (size_t)8 << 30), path);
  check(mdb_env_set_maxdbs(environment, 24), path);
  check(mdb_env_open(environment, path, MDB_NOTLS | MDB_NOLOCK, 0640), path);
  check(mdb_txn_begin(environment, NULL, 0, &tx), path);
  for (int i = 0; i < tables; i++) check(mdb_dbi_open(tx, names[i], 0, &handles[i]), names[i]);
  MDB_cursor *cursor;
  MDB_val k = {10, "next_audit"}, v;
  check(mdb_get(tx, handles[meta], &k, &v), "next_audit");
  audits = number_at(v.mv_data);
  MDB_stat statistics;
  check(mdb_stat(tx, handles[objects], &statistics), "objects");
  whole = calloc(statistics.ms_entries, sizeof *whole);
  check(mdb_cursor_open(tx, handles[objects], &cursor), "objects");
  // The second byte of a record says whether the object is complete.
  while (!mdb_cursor_get(cursor, &k, &v, MDB_NEXT))
    if (((char *)v.mv_data)[1] == 1) whole[whole_count++] = number_at(k.mv_data);
  if (!whole_count) fail("%s: no whole objects", path);
  mdb_cursor_close(cursor);
  check(mdb_txn_commit(tx), path);
  // As much room ahead as Larder keeps; where it cannot be had there is no promise, and no less work.
  MDB_envinfo information;
  int descriptor;
  check(mdb_env_info(environment, &information), path);
  check(mdb_env_get_fd(environment, &descriptor), path);
  off_t used = (off_t)(information.me_last_pgno + 1) * 4096, least = used / 4 > 4 << 20 ? used / 4 : 4 << 20;
  if (fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, used + 2 * least) && errno != EOPNOTSUPP)
    fail("%s: %s", path, strerror(errno));
}

int main(int count, char **arguments) {
  if (count != 8) fail("usage: durable FOLDER KIND CALLS CLIENTS GROUPS USERS MARK");
  const char *const kinds[] = {"start", "evict", "delete"};
  for (kind = start; strcmp(kinds[kind], arguments[2]); kind++) if (kind == delete) fail("no kind: %s", arguments[2]);
  calls = strtoul(arguments[3], NULL, 10), user_count = strtoul(arguments[6], NULL, 10), mark = arguments[7];
  int groups = atoi(arguments[5]);
  share = groups > 0 ? atoi(arguments[4]) / groups : 0;
  if (!calls || share < 1 || groups > 64 || !user_count) fail("nothing to do");
  root = open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) fail("%s: %s", arguments[1], strerror(errno));
  open_ledger(arguments[1]);

  pthread_t threads[64];
  double cpu = processor_seconds();
  uint64_t begin = now();
  for (int i = 0; i < groups; i++) if (pthread_create(&threads[i], NULL, work, NULL)) fail("no thread");
  for (int i = 0; i < groups; i++) pthread_join(threads[i], NULL);
  double elapsed = (double)(now() - begin) * 1e-9;
  mdb_env_close(environment);
  printf(
      "{\"calls\":%lu,\"seconds\":%.6f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"busy\":%.3f}\n", answered, elapsed,
      time_at(&times, 0.5), time_at(&times, 0.99), (processor_seconds() - cpu) / elapsed);
  return 0;
}

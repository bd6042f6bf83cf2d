// The least that a title costs which is played while it is fetched: its bytes come from the store, go into a file, into
// an MD5 of the whole and a CRC-32C of each 256 KiB, and out of the file to the one client, who does not wait for the
// MD5. No routes, no tokens, no ledger, no checks, one flush at the end. What it reaches is what one core allows, and so the limit for Larder.
//
// usage: tee PORT URL SIZE FILE CONNECTIONS
//   CONNECTIONS   to the store: 1 takes the title whole, more take it in chunks of 8 MiB
// Serves one client, then prints one line of JSON.
#define _GNU_SOURCE
#include "http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <sys/sendfile.h>
#if defined __x86_64__
#include <nmmintrin.h>
#define with_crc __attribute__((target("sse4.2")))
#define crc_of_8(sum, bytes) (uint32_t)_mm_crc32_u64(sum, bytes)
#define crc_of_1(sum, byte) _mm_crc32_u8(sum, byte)
#elif defined __aarch64__
#include <arm_acle.h>
#define with_crc __attribute__((target("+crc")))
#define crc_of_8(sum, bytes) __crc32cd(sum, bytes)
#define crc_of_1(sum, byte) __crc32cb(sum, byte)
#else
#error "no instruction for CRC-32C"
#endif

enum { most = 16, block = 256 << 10, patience = 20 };

struct fetch {
  CURL *easy;
  long chunk, position, end;
  uint32_t sum;  // of the block that is coming
};

static const char *url;
static long size, chunk_size, next_chunk, digested, sent;
static long *come;  // bytes of each chunk
static int file;
static uint32_t sums;
static EVP_MD_CTX *md5;

/// Bytes of a fetch, which begins at a block and has its blocks in their order.
with_crc static void add_to_sum(struct fetch *f, const char *bytes, size_t count) {
  uint64_t word;
  for (long at = f->position; count;) {
    size_t part = (size_t)(block - at % block);
    if (part > count) part = count;
    at += (long)part, count -= part;
    for (; part >= 8; bytes += 8, part -= 8) memcpy(&word, bytes, 8), f->sum = crc_of_8(f->sum, word);
    for (; part; bytes++, part--) f->sum = crc_of_1(f->sum, (unsigned char)*bytes);
    // Of all blocks something is kept, or none would need to be calculated.
    if (at % block == 0 || at == f->end) sums ^= ~f->sum, f->sum = ~0u;
  }
}

static size_t receive(char *bytes, size_t one, size_t count, void *context) {
  struct fetch *f = context;
  count *= one;
  if ((long)count > f->end - f->position) fail("more bytes than were asked for, at %ld", f->position);
  if (pwrite(file, bytes, count, f->position) != (ssize_t)count) fail("write: %s", strerror(errno));
  add_to_sum(f, bytes, count);
  f->position += (long)count, come[f->chunk] += (long)count;
  return count;
}

/// Asks for the next chunk; false when there is none.
static int ask(CURLM *multi, struct fetch *f) {
  f->chunk = next_chunk++, f->position = f->chunk * chunk_size, f->sum = ~0u;
  if (f->position >= size) return 0;
  f->end = f->position + chunk_size < size ? f->position + chunk_size : size;
  char range[64];
  snprintf(range, sizeof range, "%ld-%ld", f->position, f->end - 1);
  if (curl_easy_setopt(f->easy, CURLOPT_RANGE, range) || curl_multi_add_handle(multi, f->easy)) fail("libcurl");
  return 1;
}

static struct fetch *begin(void) {
  struct fetch *f = calloc(1, sizeof *f);
  f->easy = curl_easy_init();
  if (!f->easy || curl_easy_setopt(f->easy, CURLOPT_URL, url) || curl_easy_setopt(f->easy, CURLOPT_FAILONERROR, 1L)
      || curl_easy_setopt(f->easy, CURLOPT_BUFFERSIZE, (long)block)
      || curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, receive)
      || curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f) || curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f)
      || curl_easy_setopt(f->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1))
    fail("libcurl");
  return f;
}

/// A fetch that has ended makes place for the next.
static void turn(CURLM *multi) {
  int left;
  for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
    if (message->msg != CURLMSG_DONE) continue;
    if (message->data.result) fail("fetch: %s", curl_easy_strerror(message->data.result));
    CURL *easy = message->easy_handle;
    struct fetch *f;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &f);
    if (f->position != f->end) fail("a fetch ended at %ld instead of %ld", f->position, f->end);
    curl_multi_remove_handle(multi, easy);
    ask(multi, f);
  }
}

/// How far the title is there without a gap.
static long edge(void) {
  static long whole;
  while (whole * chunk_size < size && come[whole] == chunk_size) whole++;
  long at = whole * chunk_size;
  return at < size ? at + come[whole] : size;
}

/// Sends what is there; true when the client's socket is full.
static int pump(int client) {
  long end = edge();
  while (sent < end)
    if (sendfile(client, file, &sent, (size_t)(end - sent)) <= 0) {
      if (errno == EAGAIN) return 1;
      fail("send: %s", strerror(errno));
    }
  return 0;
}

/// Digests the next of what is there; false when there is none.
static int digest(void) {
  static char bytes[block];
  long end = edge();
  size_t count = end - digested < block ? (size_t)(end - digested) : block;
  if (!count) return 0;
  if (pread(file, bytes, count, digested) != (ssize_t)count) fail("read: %s", strerror(errno));
  if (!EVP_DigestUpdate(md5, bytes, count)) fail("MD5");
  digested += (long)count;
  return 1;
}

static int accept_one(int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 16))
    fail("listen: %s", strerror(errno));
  fprintf(stderr, "listening\n");
  int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) fail("accept: %s", strerror(errno));
  close(listener);
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return client;
}

/// Waits for the request, whatever it is, and says how long the answer will be.
static void begin_answer(int client) {
  char request[16 << 10], head[256];
  struct timeval wait = {patience, 0};
  int flags = fcntl(client, F_GETFL);
  fcntl(client, F_SETFL, flags & ~O_NONBLOCK);
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  if (recv(client, request, sizeof request, 0) <= 0) fail("no request");
  int length = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %ld\r\n\r\n", size);
  if (send(client, head, (size_t)length, MSG_NOSIGNAL) != length) fail("send: %s", strerror(errno));
  fcntl(client, F_SETFL, flags);
}

int main(int count, char **arguments) {
  // sendfile(2) knows no MSG_NOSIGNAL.
  signal(SIGPIPE, SIG_IGN);
  if (count != 6) fail("usage: tee PORT URL SIZE FILE CONNECTIONS");
  url = arguments[2], size = atol(arguments[3]);
  int connections = atoi(arguments[5]);
  if (size < 1 || connections < 1 || connections > most) fail("nothing to do");
  chunk_size = connections == 1 ? size : 8 << 20;
  come = calloc((size_t)(size / chunk_size + 1), sizeof *come);
  file = open(arguments[4], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) fail("%s: %s", arguments[4], strerror(errno));
  md5 = EVP_MD_CTX_new();
  if (!md5 || !EVP_DigestInit_ex(md5, EVP_md5(), NULL)) fail("MD5");
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM *multi = curl_multi_init();

  int client = accept_one(atoi(arguments[1]));
  begin_answer(client);
  for (int i = 0; i < connections; i++) ask(multi, begin());
  uint64_t heard = now();
  while (sent < size) {
    int running, ready;
    if (curl_multi_perform(multi, &running)) fail("libcurl");
    turn(multi);
    struct curl_waitfd full = {.fd = client, .events = CURL_WAIT_POLLOUT};
    int is_full = pump(client);
    if (sent == size) break;
    // The client does not wait for the digest: it is for the moments in which nothing comes and nothing can go.
    if (curl_multi_poll(multi, &full, (unsigned)is_full, 0, &ready)) fail("libcurl");
    if (ready || digest()) heard = now();
    else if (curl_multi_poll(multi, &full, (unsigned)is_full, 1000, &ready)) fail("libcurl");
    if (now() - heard > patience * 1000000000ull) fail("nothing came or went for %d s", patience);
  }
  while (digest()) {}
  if (digested != size) fail("digested %ld of %ld bytes", digested, size);
  if (fdatasync(file)) fail("flush: %s", strerror(errno));
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned length;
  if (!EVP_DigestFinal_ex(md5, value, &length)) fail("MD5");
  printf("{\"md5\":\"");
  for (unsigned i = 0; i < length; i++) printf("%02x", value[i]);
  printf("\",\"sums\":%u,\"cpu\":%.3f}\n", sums, processor_seconds());
  return 0;
}

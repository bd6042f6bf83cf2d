// libcurl as Swift sees it. Only the target Curl imports this.
//
// Swift cannot call C's variadic functions: each use of curl_easy_setopt and its like has a typed form here, and
// nothing else is written in C.
#pragma once
#include <curl/curl.h>

static inline CURLcode larder_easy_set_long(CURL *easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode larder_easy_set_string(CURL *easy, CURLoption option, const char *value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode larder_easy_set_pointer(CURL *easy, CURLoption option, void *value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode larder_easy_set_headers(CURL *easy, struct curl_slist *value) {
  return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, value);
}

/// Has the file of trusted certificates read for each connection: since 7.87 curl keeps for a day, by the file's name, what
/// it has read. A library that is older keeps nothing, and one whose TLS keeps nothing says that it does not know this.
static inline void larder_easy_keep_no_authorities(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700
  (void)curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#else
  (void)easy;
#endif
}

/// For CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION.
static inline CURLcode larder_easy_set_receive(CURL *easy, CURLoption option,
                                               size_t (*callback)(char *, size_t, size_t, void *)) {
  return curl_easy_setopt(easy, option, callback);
}

/// For CURLOPT_PREREQFUNCTION.
static inline CURLcode larder_easy_set_prereq(CURL *easy, int (*callback)(void *, char *, char *, int, int)) {
  return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, callback);
}

/// For CURLOPT_OPENSOCKETFUNCTION.
static inline CURLcode larder_easy_set_open_socket(CURL *easy,
                                                   curl_socket_t (*callback)(void *, curlsocktype,
                                                                             struct curl_sockaddr *)) {
  return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, callback);
}

static inline CURLcode larder_easy_get_long(CURL *easy, CURLINFO info, long *value) {
  return curl_easy_getinfo(easy, info, value);
}

/// For sizes, and for times in microseconds.
static inline CURLcode larder_easy_get_offset(CURL *easy, CURLINFO info, curl_off_t *value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLcode larder_easy_get_pointer(CURL *easy, CURLINFO info, void **value) {
  return curl_easy_getinfo(easy, info, value);
}

static inline CURLMcode larder_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode larder_multi_set_pointer(CURLM *multi, CURLMoption option, void *value) {
  return curl_multi_setopt(multi, option, value);
}

static inline CURLMcode larder_multi_set_socket(CURLM *multi,
                                                int (*callback)(CURL *, curl_socket_t, int, void *, void *)) {
  return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
}

static inline CURLMcode larder_multi_set_timer(CURLM *multi, int (*callback)(CURLM *, long, void *)) {
  return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
}

/// The code of a CURLMSG_DONE message: a union in C, which Swift shows as a tuple of members at best.
static inline CURLcode larder_message_result(const CURLMsg *message) { return message->data.result; }

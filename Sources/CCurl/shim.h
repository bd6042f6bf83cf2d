// libcurl as Swift sees it. Only the target Curl imports this.
#pragma once
#include <curl/curl.h>

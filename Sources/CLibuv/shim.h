// libuv as Swift sees it. Only the target Loop imports this.
#pragma once
#include <uv.h>

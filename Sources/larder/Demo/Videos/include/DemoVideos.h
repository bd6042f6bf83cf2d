/// The small videos of `larder demo`, inside the program so that it needs no file beside it.
#pragma once
#include <stddef.h>

/// One video; the name is its key in the demo's bucket, the bytes live as long as the program.
struct DemoVideo {
  const char *_Nonnull key;
  const unsigned char *_Nonnull bytes;
  size_t count;
};

/// How many videos there are.
size_t demoVideoCount(void);

/// The video at an index below `demoVideoCount()`.
struct DemoVideo demoVideo(size_t index);

/// The files of the page, inside the program so that it needs none beside it.
#pragma once
#include <stddef.h>

/// One file; the name is its own, the bytes live as long as the program.
struct EmbeddedFile {
  const char *_Nonnull name;
  const unsigned char *_Nonnull bytes;
  size_t count;
};

/// How many files there are.
size_t pageFileCount(void);

/// The file at an index below `pageFileCount()`.
struct EmbeddedFile pageFile(size_t index);

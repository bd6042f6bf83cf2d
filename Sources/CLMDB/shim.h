// LMDB as Swift sees it. Only the target LMDB imports this.
#pragma once
#include <lmdb.h>

// The bytes come in by the compiler's own #embed: Swift has no counterpart yet, and
// an array literal of this size takes it minutes.
#include "DemoVideos.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char countdown[] = {
#embed "countdown_360p.mp4"
};
static const unsigned char mandelbrot[] = {
#embed "mandelbrot_360p.mp4"
};
static const unsigned char testcard[] = {
#embed "testcard_360p.mp4"
};

static const struct DemoVideo videos[] = {
    {"countdown/360p.mp4", countdown, sizeof countdown},
    {"mandelbrot/360p.mp4", mandelbrot, sizeof mandelbrot},
    {"testcard/360p.mp4", testcard, sizeof testcard},
};

size_t demoVideoCount(void) { return sizeof videos / sizeof *videos; }

struct DemoVideo demoVideo(size_t index) { return videos[index]; }

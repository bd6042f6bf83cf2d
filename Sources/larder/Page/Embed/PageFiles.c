// The files come in by the compiler's own #embed, as they are: what is read here is what the browser gets.
#include "PageFiles.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char index_html[] = {
#embed "../index.html"
};
static const unsigned char ground_css[] = {
#embed "../ground.css"
};
static const unsigned char views_css[] = {
#embed "../views.css"
};
static const unsigned char icon_svg[] = {
#embed "../icon.svg"
};
static const unsigned char theme_js[] = {
#embed "../theme.js"
};
static const unsigned char administration_js[] = {
#embed "../administration.js"
};
static const unsigned char app_js[] = {
#embed "../app.js"
};
static const unsigned char arrows_js[] = {
#embed "../arrows.js"
};
static const unsigned char box_js[] = {
#embed "../box.js"
};
static const unsigned char card_js[] = {
#embed "../card.js"
};
static const unsigned char catalogue_js[] = {
#embed "../catalogue.js"
};
static const unsigned char confirm_js[] = {
#embed "../confirm.js"
};
static const unsigned char downloads_js[] = {
#embed "../downloads.js"
};
static const unsigned char elements_js[] = {
#embed "../elements.js"
};
static const unsigned char events_js[] = {
#embed "../events.js"
};
static const unsigned char notices_js[] = {
#embed "../notices.js"
};
static const unsigned char player_js[] = {
#embed "../player.js"
};
static const unsigned char reasons_js[] = {
#embed "../reasons.js"
};
static const unsigned char session_js[] = {
#embed "../session.js"
};
static const unsigned char shelf_js[] = {
#embed "../shelf.js"
};
static const unsigned char words_js[] = {
#embed "../words.js"
};

static const struct EmbeddedFile files[] = {
    {"index.html", index_html, sizeof index_html},
    {"ground.css", ground_css, sizeof ground_css},
    {"views.css", views_css, sizeof views_css},
    {"icon.svg", icon_svg, sizeof icon_svg},
    {"theme.js", theme_js, sizeof theme_js},
    {"administration.js", administration_js, sizeof administration_js},
    {"app.js", app_js, sizeof app_js},
    {"arrows.js", arrows_js, sizeof arrows_js},
    {"box.js", box_js, sizeof box_js},
    {"card.js", card_js, sizeof card_js},
    {"catalogue.js", catalogue_js, sizeof catalogue_js},
    {"confirm.js", confirm_js, sizeof confirm_js},
    {"downloads.js", downloads_js, sizeof downloads_js},
    {"elements.js", elements_js, sizeof elements_js},
    {"events.js", events_js, sizeof events_js},
    {"notices.js", notices_js, sizeof notices_js},
    {"player.js", player_js, sizeof player_js},
    {"reasons.js", reasons_js, sizeof reasons_js},
    {"session.js", session_js, sizeof session_js},
    {"shelf.js", shelf_js, sizeof shelf_js},
    {"words.js", words_js, sizeof words_js},
};

size_t pageFileCount(void) { return sizeof files / sizeof *files; }

struct EmbeddedFile pageFile(size_t index) { return files[index]; }

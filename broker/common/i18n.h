/* Messages stand in English and Japanese side by side in the source: both are reviewed together, neither can
 * be missing, and API errors carry both. */
#pragma once
#include <glib.h>

/* TRUE when LC_ALL / LC_MESSAGES / LANG (in that order) ask for Japanese. Read once; any thread. */
gboolean sk_locale_is_japanese (void);

#define SK_TR(en, ja) (sk_locale_is_japanese () ? (ja) : (en))

/* One string that carries both, for reasons and details that go through rows and GErrors to people of either
 * language: "English / 日本語". */
#define SK_BOTH(en, ja) en " / " ja
/* One language of such a string; the whole where it has only one. New string. */
char *sk_both_pick (const char *both, gboolean japanese);

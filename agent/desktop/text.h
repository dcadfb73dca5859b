/* Every sentence the window shows. Plain words: what happens, what to do; never a code or a stack. */
#pragma once
#include <glib.h>
#include "desktop/link.h"

typedef struct
{
  const char *title;
  char *detail;         /* nullable */
  gboolean busy;        /* something goes on without the user */
  gboolean offer_again; /* button [もう一度つなぐ] */
} SkText;

void sk_text_clear (SkText *text);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkText, sk_text_clear)

/* What to show for a link's state. */
SkText sk_text_for_link (const SkLinkView *view);

/* A part of the program is missing; words: for the administrator. */
SkText sk_text_for_broken (const char *words);

/* Fixed words, so that tests and both languages find them in one place. */
const char *sk_text_side (void); /* インターネット側 */
/* Of the window; names the side in Japanese whatever the language, as the border of the view does. */
const char *sk_text_title (void);
const char *sk_text_connect_again (void);
const char *sk_text_close (void);

/* This desktop's clipboard and the one of the internet side: what is copied here is offered when the user
 * turns to the window (not before: most of what is copied here is meant for here), what comes from there is
 * put into it. Main thread. */
#pragma once
#include "desktop/rdp-client.h"
#include <gtk/gtk.h>

typedef struct _SkDesktopClip SkDesktopClip;

SkDesktopClip *sk_desktop_clip_new (GtkWindow *window);
void sk_desktop_clip_free (SkDesktopClip *clip);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkDesktopClip, sk_desktop_clip_free)
/* Whose other side it is; NULL: nobody's. A new one is offered what there is. */
void sk_desktop_clip_set_client (SkDesktopClip *clip, SkRdpClient *client);
/* Takes what came. */
void sk_desktop_clip_look (SkDesktopClip *clip);

/* A picture as wire/clip-content.h has it, and back; NULL: too large, or not such a one. */
GBytes *sk_desktop_clip_from_texture (GdkTexture *texture);
GdkTexture *sk_desktop_clip_to_texture (GBytes *untrusted_bmp);

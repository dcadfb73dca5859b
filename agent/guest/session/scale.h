/* How large programs draw: an XSETTINGS manager with one setting, the resolution of fonts. Chromium takes it
 * for the scale of everything and follows it while it runs, where its own option only counts at its start. */
#pragma once
#include <gio/gio.h>

typedef struct _SkScale SkScale;

/* Percent of 96 dots an inch. */
#define SK_SCALE_NORMAL 100
#define SK_SCALE_LOWEST 100
#define SK_SCALE_HIGHEST 500

/* Owns the display's selection until it is freed. */
SkScale *sk_scale_new (GError **error);
void sk_scale_free (SkScale *scale);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkScale, sk_scale_free)
/* Outside of the limits nothing happens. */
void sk_scale_set (SkScale *scale, guint percent);

/* The property that programs read: XSETTINGS 0.5, the host's byte order. Pure. */
GByteArray *sk_scale_settings (guint percent, guint32 serial);

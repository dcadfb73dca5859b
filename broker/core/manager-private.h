/* The manager as sekishod's main() and the tests see it. */
#pragma once
#include "core/core.h"
#include "core/manager.h"

/* Loads the store, adopts what an earlier core left, and begins to work. Parts are copied; see SkCoreParts
 * for who owns what. Letting go of the last reference leaves every VM, screen and view running. */
SkManager *sk_manager_new (const SkCoreParts *parts, GError **error);
SkCore *sk_manager_core (SkManager *manager);
void
sk_manager_emit (SkManager *manager, const char *type, const char *id, const char *state, const char *text);

/* check.c: values that come from administrators and users. Errors: SK_ERROR_INVALID, SK_ERROR_LIMIT. */
gboolean sk_check_url (const char *untrusted_url, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_check_pool (const SkPool *untrusted_row, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_check_size (guint width, guint height, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* An absolute path that qemu-img and QEMU take literally. */
gboolean sk_check_path (const char *untrusted_path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_check_name (const char *untrusted_name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* image.c: a row from a folder with manifest.json. */
SkImage *sk_image_read (const char *name, const char *dir, gint64 now, GError **error);

/* What must not come out, and how it is found in whatever form it comes. */
#pragma once
#include <glib.h>

#define MARKER "QmZx7TkVw3LpRs9YbHd2NcGf5"

/* As it is, reversed, in UTF-16, hexadecimal, base64, escaped. */
gboolean marker_is_in (const void *data, gsize length);

/* A-law (ITU-T G.711): eight bits for sixteen, without state, tables or a decoder worth the name: any byte is
 * a sample. */
#pragma once
#include <glib.h>

void sk_alaw_encode (const gint16 *samples, gsize n, guint8 *ret_bytes);
/* The first n bytes of a buffer become n samples in it: it has room for them, and is aligned. */
void sk_alaw_decode_in_place (guint8 *buffer, gsize n);

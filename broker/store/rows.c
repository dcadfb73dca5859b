/* What the rows look like: one table a type. SQL, JSON, copies and frees are all made from it, so a new
 * column is one line here and one migration. */
#include "store/store-private.h"
#include <string.h>

static const char *const vm_states[]
    = { "defining", "booting", "warm", "stored", "attached", "retiring", "gone", "failed", NULL };
static const char *const session_states[] = { "queued", "starting", "active", "detached", "ended", NULL };

const SkField sk_image_fields[] = {
  ROW (SkImage, id, SK_FIELD_STRING),
  ROW (SkImage, name, SK_FIELD_STRING),
  ROW (SkImage, path, SK_FIELD_STRING),
  ROW (SkImage, cmdline, SK_FIELD_STRING),
  ROW (SkImage, created, SK_FIELD_INT64),
  ROW (SkImage, size, SK_FIELD_INT64),
  { NULL },
};

const SkField sk_pool_fields[] = {
  ROW (SkPool, name, SK_FIELD_STRING),
  ROW (SkPool, image, SK_FIELD_STRING),
  ROW (SkPool, memory_mib, SK_FIELD_UINT),
  ROW (SkPool, vcpus, SK_FIELD_UINT),
  ROW (SkPool, network, SK_FIELD_STRING),
  ROW (SkPool, warm, SK_FIELD_UINT),
  ROW (SkPool, stored, SK_FIELD_UINT),
  ROW (SkPool, maximum, SK_FIELD_UINT),
  ROW (SkPool, width, SK_FIELD_UINT),
  ROW (SkPool, height, SK_FIELD_UINT),
  ROW (SkPool, detached_minutes, SK_FIELD_UINT),
  ROW (SkPool, group, SK_FIELD_STRING),
  ROW (SkPool, border, SK_FIELD_STRING),
  ROW (SkPool, home_url, SK_FIELD_STRING),
  ROW (SkPool, sound, SK_FIELD_BOOL),
  ROW (SkPool, watermark, SK_FIELD_BOOL),
  ROW (SkPool, recording, SK_FIELD_BOOL),
  ROW (SkPool, clipboard, SK_FIELD_STRING),
  ROW (SkPool, created, SK_FIELD_INT64),
  { NULL },
};

const char *const sk_pool_clipboard_words[] = { "off", "import", "export", "both", NULL };

const SkField sk_vm_fields[] = {
  ROW (SkVm, id, SK_FIELD_STRING),
  ROW (SkVm, pool, SK_FIELD_STRING),
  ROW (SkVm, image, SK_FIELD_STRING),
  ROW (SkVm, spec, SK_FIELD_STRING),
  WORD_ROW (SkVm, state, vm_states),
  ROW (SkVm, owner, SK_FIELD_STRING),
  ROW (SkVm, session, SK_FIELD_STRING),
  ROW (SkVm, reason, SK_FIELD_STRING),
  ROW (SkVm, created, SK_FIELD_INT64),
  ROW (SkVm, changed, SK_FIELD_INT64),
  { NULL },
};

const SkField sk_session_fields[] = {
  ROW (SkSession, id, SK_FIELD_STRING),
  ROW (SkSession, pool, SK_FIELD_STRING),
  ROW (SkSession, vm, SK_FIELD_STRING),
  ROW (SkSession, user, SK_FIELD_STRING),
  ROW (SkSession, uid, SK_FIELD_UINT),
  WORD_ROW (SkSession, state, session_states),
  ROW (SkSession, url, SK_FIELD_STRING),
  ROW (SkSession, reason, SK_FIELD_STRING),
  ROW (SkSession, created, SK_FIELD_INT64),
  ROW (SkSession, changed, SK_FIELD_INT64),
  { NULL },
};

void
sk_row_free (const SkField *fields, gpointer row)
{
  if (!row)
    return;
  for (const SkField *f = fields; f->name; f++)
    if (f->type == SK_FIELD_STRING)
      g_free (G_STRUCT_MEMBER (char *, row, f->offset));
  g_free (row);
}

gpointer
sk_row_new (const SkField *fields, gsize size)
{
  gpointer row = g_malloc0 (size);
  for (const SkField *f = fields; f->name; f++)
    if (f->type == SK_FIELD_STRING)
      G_STRUCT_MEMBER (char *, row, f->offset) = g_strdup ("");
  return row;
}

gpointer
sk_row_copy (const SkField *fields, gconstpointer row, gsize size)
{
  gpointer copy = g_memdup2 (row, size);
  for (const SkField *f = fields; f->name; f++)
    if (f->type == SK_FIELD_STRING)
      G_STRUCT_MEMBER (char *, copy, f->offset) = g_strdup (G_STRUCT_MEMBER (char *, row, f->offset));
  return copy;
}

SK_DEFINE_ROW (SkImage, image)
SK_DEFINE_ROW (SkPool, pool)
SK_DEFINE_ROW (SkVm, vm)
SK_DEFINE_ROW (SkSession, session)

const SkTable sk_table_images = SK_TABLE (SkImage, image, "images");
const SkTable sk_table_pools = SK_TABLE (SkPool, pool, "pools");
const SkTable sk_table_vms = SK_TABLE (SkVm, vm, "vms");
const SkTable sk_table_sessions = SK_TABLE (SkSession, session, "sessions");

const char *
sk_vm_state_word (SkVmState state)
{
  return vm_states[state];
}

const char *
sk_session_state_word (SkSessionState state)
{
  return session_states[state];
}

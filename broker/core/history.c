/* Sessions that are over, from the store: what the list of running ones does not know any more. */
#include "core/manager-private.h"

GPtrArray *
sk_manager_all_sessions (SkManager *manager, const SkIdentity *who, GError **error)
{
  g_autoptr (GPtrArray) rows = sk_store_sessions (sk_manager_core (manager)->parts.store, TRUE, error);
  GPtrArray *result;
  if (!rows)
    return NULL;
  result = g_ptr_array_new_with_free_func ((GDestroyNotify) sk_session_free);
  for (guint i = rows->len; i > 0 && result->len < SK_HISTORY_SESSIONS_MAX; i--)
    {
      const SkSession *session = g_ptr_array_index (rows, i - 1);
      if (who->admin || session->uid == who->uid)
        g_ptr_array_insert (result, 0, sk_session_copy (session));
    }
  return result;
}

/* The broker's API as the launcher needs it: JSON in and out of plain structs. Synchronous; any thread. */
#pragma once
#include "api/client.h"

typedef struct
{
  char *id, *state, *pool, *reason;
  guint position, eta_seconds; /* of a queued one; 0 = not known */
  gint64 created;              /* µs since 1970 */
  char *token, *fingerprint;   /* the ticket; NULL while queued */
  int width, height;
} SkSessionInfo;
void sk_session_info_clear (SkSessionInfo *info);
void sk_session_info_free (SkSessionInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SkSessionInfo, sk_session_info_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkSessionInfo, sk_session_info_free)

/* On error *ret_info is untouched. An answer that lacks what it must have is SK_ERROR_PROTOCOL. */
gboolean sk_api_open (SkClient *client, const char *pool, const char *url, int width, int height,
                      SkSessionInfo *ret_info, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_api_get_info (SkClient *client, const char *session, SkSessionInfo *ret_info,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Fills only the ticket's part of *info. */
gboolean sk_api_get_ticket (SkClient *client, const char *session, SkSessionInfo *info,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_api_send_url (SkClient *client, const char *session, const char *url,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean sk_api_end (SkClient *client, const char *session, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* SkSessionInfo, of the caller's own sessions that have not ended. */
GPtrArray *sk_api_list (SkClient *client, GError **error);
/* Takes over what an event tells about this session; FALSE when it is about something else. */
gboolean sk_api_read_event (JsonNode *event, const char *session, SkSessionInfo *info);

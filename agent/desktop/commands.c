#include "desktop/commands.h"
#include "common/error.h"
#include "common/i18n.h"
#include "desktop/link-api.h"
#include <stdio.h>
#include <string.h>

int
sk_command_fail (const GError *error)
{
  fprintf (stderr, "sekisho: %s\n", error->message);
  return sk_error_info (error)->exit_status;
}

static const char *
state_for_people (const char *state)
{
  static const struct
  {
    const char *word, *en, *ja;
  } rows[] = {
    { "queued", "waiting for its turn", "順番待ち" },
    { "starting", "being prepared", "準備中" },
    { "active", "open", "表示中" },
    { "detached", "running, no window", "実行中（画面なし）" },
    { "ended", "ended", "終了" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_strcmp0 (rows[i].word, state) == 0)
      return SK_TR (rows[i].en, rows[i].ja);
  return state;
}

static void
print_session (const SkSessionInfo *info)
{
  g_autoptr (GDateTime) created = g_date_time_new_from_unix_local (info->created / G_USEC_PER_SEC);
  g_autofree char *when = created ? g_date_time_format (created, "%Y-%m-%d %H:%M") : g_strdup ("");
  printf ("%-36s  %-16s  %-12s  %s", info->id, when, info->pool, state_for_people (info->state));
  if (info->position)
    printf (SK_TR (" (number %u)", "（%u 番目）"), info->position);
  putchar ('\n');
}

int
sk_command_list (const SkOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (options->socket);
  g_autoptr (GPtrArray) list = sk_api_list (client, &error);
  if (!list)
    return sk_command_fail (error);
  if (list->len == 0)
    printf ("%s\n", SK_TR ("No session is open.", "開いているセッションはありません。"));
  for (guint i = 0; i < list->len; i++)
    print_session (g_ptr_array_index (list, i));
  return 0;
}

static gboolean
is_wanted (const SkOptions *options, const SkSessionInfo *info)
{
  return options->session ? g_strcmp0 (options->session, info->id) == 0
                          : !options->pool || g_strcmp0 (options->pool, info->pool) == 0;
}

/* Without a name there must be only one: nobody should lose the wrong browser. */
int
sk_command_end (const SkOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (options->socket);
  g_autoptr (GPtrArray) list = sk_api_list (client, &error);
  guint wanted = 0, ended = 0;
  if (!list)
    return sk_command_fail (error);
  for (guint i = 0; i < list->len; i++)
    wanted += is_wanted (options, g_ptr_array_index (list, i));
  if (wanted > 1 && !options->all)
    {
      fprintf (
          stderr, "sekisho: %s\n",
          SK_TR (
              "Several sessions are open. Name one (see: sekisho list), or use --all.",
              "セッションが複数あります。sekisho list で確認して 1 つ指定するか、--all を付けてください。"));
      return sk_error_info_for_code (SK_ERROR_INVALID)->exit_status;
    }
  for (guint i = 0; i < list->len; i++)
    {
      const SkSessionInfo *info = g_ptr_array_index (list, i);
      if (!is_wanted (options, info))
        continue;
      if (!sk_api_end (client, info->id, &error))
        return sk_command_fail (error);
      printf (SK_TR ("Ended: %s\n", "終了しました: %s\n"), info->id);
      ended++;
    }
  if (ended > 0)
    return 0;
  printf ("%s\n", SK_TR ("No session is open.", "開いているセッションはありません。"));
  return options->session ? sk_error_info_for_code (SK_ERROR_NOT_FOUND)->exit_status : 0;
}

int
sk_command_status (const SkOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SkClient) client = sk_client_new (options->socket);
  g_autoptr (GPtrArray) list = sk_api_list (client, &error);
  if (!list)
    return sk_command_fail (error);
  printf (SK_TR ("The service is running (%s).\n", "サービスは動いています（%s）。\n"),
          sk_client_socket (client));
  return sk_command_list (options);
}

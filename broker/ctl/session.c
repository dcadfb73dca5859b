#include "ctl/attach.h"
#include "ctl/output.h"
#include "common/fd.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static const SkColumn columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "user", "user", SK_COLUMN_TEXT, "USER", "利用者" },
  { "pool", "pool", SK_COLUMN_TEXT, "POOL", "プール" },
  { "state", "state", SK_COLUMN_STATE, "STATE", "状態" },
  { "position", "position", SK_COLUMN_NUMBER, "PLACE", "順番" },
  { "created", "created", SK_COLUMN_TIME, "BEGAN", "開始" },
  { "changed", "changed", SK_COLUMN_TIME, "SINCE", "状態の開始", TRUE },
  { "reason", "reason", SK_COLUMN_BOTH, "WHY", "終了の理由", TRUE },
  { "eta", "eta_seconds", SK_COLUMN_NUMBER, "WAIT (s)", "待ち時間（秒）", TRUE },
  { "vm", "vm", SK_COLUMN_TEXT, "VM", "仮想マシン", TRUE },
  { "uid", "uid", SK_COLUMN_NUMBER, "UID", "UID", TRUE },
  { "url", "url", SK_COLUMN_TEXT, "FIRST URL", "最初の URL", TRUE },
  { NULL },
};

static const SkOption list_options[] = {
  { "all", SK_OPTION_FLAG, NULL, NULL, "also sessions that ended", "終了したセッションも表示" },
  { NULL },
};

static const SkOption open_options[] = {
  { "pool", SK_OPTION_TEXT, "NAME", "pool", "which pool (default: the first that you may use)",
    "プール（省略時: 使える最初のもの）", "/1.0/pools name" },
  { "width", SK_OPTION_NUMBER, "PIXELS", "width", "width of the picture", "画面の幅" },
  { "height", SK_OPTION_NUMBER, "PIXELS", "height", "height of the picture", "画面の高さ" },
  { NULL },
};

static const SkOption attach_options[] = {
  { "listen", SK_OPTION_FILE, "PATH", NULL, "unix socket to make for one RDP client",
    "RDP クライアント 1 つのために作るソケット", ":file" },
  { NULL },
};

static const SkColumn recording_columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "user", "user", SK_COLUMN_TEXT, "USER", "利用者" },
  { "pool", "pool", SK_COLUMN_TEXT, "POOL", "プール" },
  { "started", "started", SK_COLUMN_TIME, "BEGAN", "開始" },
  { "bytes", "bytes", SK_COLUMN_NUMBER, "BYTES", "バイト" },
  { "session", "session", SK_COLUMN_TEXT, "SESSION", "セッション", TRUE },
  { NULL },
};

static const SkOption replay_options[] = {
  { "events", SK_OPTION_FLAG, NULL, NULL, "print what was pressed and when, without a window",
    "画面を開かず、操作を時刻とともに表示" },
  { "picture", SK_OPTION_NUMBER, "SECONDS", NULL,
    "write the picture so long after the beginning, without a window",
    "画面を開かず、開始から指定秒後の画面を保存" },
  { "output", SK_OPTION_FILE, "FILE.png", NULL, "where to write the picture", "画面を保存するファイル",
    ":file" },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (
      ctl, "GET", sk_ctl_flag (ctl, "all") ? "/1.0/sessions?all=1" : "/1.0/sessions", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

static gboolean
run_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/sessions", arguments[0], error);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return row && sk_output_show (ctl, columns, row, error);
}

/* Opens (or finds) one's own session and waits while it is queued. */
static gboolean
run_open (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonObject) body = sk_ctl_body (ctl, sk_ctl_find_verb (&sk_session_noun, "open"), error);
  g_autoptr (JsonNode) answer = NULL;
  JsonNode *session;
  if (!body)
    return FALSE;
  if (arguments[0])
    json_object_set_string_member (body, "url", arguments[0]);
  answer = sk_ctl_call_and_wait (ctl, "POST", "/1.0/sessions", body, error);
  if (!answer)
    return FALSE;
  session = JSON_NODE_HOLDS_OBJECT (answer)
                ? json_object_get_member (json_node_get_object (answer), "session")
                : NULL;
  return sk_output_show (ctl, columns, session ? session : answer, error);
}

static gboolean
run_end (SkCtl *ctl, char **arguments, GError **error)
{
  return sk_ctl_do (ctl, "DELETE", "/1.0/sessions", arguments[0], error);
}

static gboolean
run_attach (SkCtl *ctl, char **arguments, GError **error)
{
  const char *path = sk_ctl_text (ctl, "listen");
  if (path)
    return sk_ctl_attach (ctl, arguments[0], path, error);
  g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                       SK_TR ("--listen PATH is missing", "--listen パス が必要です"));
  return FALSE;
}

static gboolean
run_recordings (SkCtl *ctl, char **arguments, GError **error)
{
  /* sk_ctl_path() only looks whether it could be one. */
  g_autofree char *checked = arguments[0] ? sk_ctl_path ("", arguments[0], error) : g_strdup ("");
  g_autofree char *path = checked && arguments[0]
                              ? g_strconcat ("/1.0/recordings?session=", arguments[0], NULL)
                              : g_strdup ("/1.0/recordings");
  g_autoptr (JsonNode) rows = checked ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return rows && sk_output_list (ctl, recording_columns, rows, error);
}

/* The player, in our place: its descriptor 3 is the recording. */
static gboolean
become_player (SkCtl *ctl, const char *id, int fd, GError **error)
{
  const char *program = g_getenv ("SEKISHO_REPLAY");
  const char *picture = sk_ctl_text (ctl, "picture"), *output = sk_ctl_text (ctl, "output");
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  program = program ? program : SK_LIBEXECDIR "/sekisho-replay";
  const char *const fixed[] = { program, "--fd", "3", "--title", id };
  for (gsize i = 0; i < G_N_ELEMENTS (fixed); i++)
    g_ptr_array_add (argv, (char *) fixed[i]);
  if (sk_ctl_flag (ctl, "events"))
    g_ptr_array_add (argv, (char *) "--events");
  if (picture)
    {
      g_ptr_array_add (argv, (char *) "--picture");
      g_ptr_array_add (argv, (char *) picture);
      g_ptr_array_add (argv, (char *) "--output");
      g_ptr_array_add (argv, (char *) output);
    }
  g_ptr_array_add (argv, NULL);
  if (fd == 3 ? fcntl (fd, F_SETFD, 0) == 0 : dup2 (fd, 3) == 3)
    execv (program, (char **) argv->pdata);
  g_set_error (error, SK_ERROR, SK_ERROR_UNAVAILABLE,
               SK_TR ("%s: %s (it is in the package sekisho-desktop)",
                      "%s: %s（パッケージ sekisho-desktop にあります）"),
               program, g_strerror (errno));
  return FALSE;
}

static gboolean
run_replay (SkCtl *ctl, char **arguments, GError **error)
{
  if ((sk_ctl_text (ctl, "picture") != NULL) != (sk_ctl_text (ctl, "output") != NULL))
    {
      g_set_error_literal (
          error, SK_ERROR, SK_ERROR_INVALID,
          SK_TR ("--picture and --output go together", "--picture と --output は一緒に指定してください"));
      return FALSE;
    }
  g_autofree char *path = sk_ctl_path ("/1.0/recordings", arguments[0], error);
  sk_autofd int fd = path ? sk_client_upgrade_recording (ctl->client, arguments[0], error) : -1;
  return fd >= 0 && become_player (ctl, arguments[0], fd, error);
}

#define SESSIONS "/1.0/sessions id"
#define RECORDINGS "/1.0/recordings id"
static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, list_options, run_list, "list the sessions", "セッションの一覧" },
  { "show", "ID", 1, 1, SESSIONS, NULL, run_show, "show everything about a session", "セッションの詳細" },
  { "open", "[URL]", 0, 1, NULL, open_options, run_open, "open a session of your own",
    "自分のセッションを開く" },
  { "attach", "ID", 1, 1, SESSIONS, attach_options, run_attach, "offer a session to a stock RDP client",
    "一般の RDP クライアントから接続できるようにする" },
  { "recordings", "[ID]", 0, 1, SESSIONS, NULL, run_recordings,
    "list what was recorded, of one session or of all", "録画の一覧（セッションの指定もできます）" },
  { "replay", "RECORDING", 1, 1, RECORDINGS, replay_options, run_replay, "play a recording", "録画を再生" },
  { "end", "ID", 1, 1, SESSIONS, NULL, run_end, "end a session; its virtual machine is destroyed",
    "セッションを終了（仮想マシンは破棄されます）" },
  { NULL },
};
const SkNoun sk_session_noun = { "session", verbs, "browser sessions", "ブラウザーのセッション" };

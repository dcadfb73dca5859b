#include "ctl/output.h"

static const SkColumn columns[] = {
  { "name", "name", SK_COLUMN_TEXT, "NAME", "名前" },
  { "image", "image", SK_COLUMN_SHORT, "IMAGE", "イメージ" },
  { "memory", "memory_mib", SK_COLUMN_NUMBER, "MEMORY MiB", "メモリー MiB" },
  { "vcpus", "vcpus", SK_COLUMN_NUMBER, "VCPUS", "vCPU" },
  { "network", "network", SK_COLUMN_TEXT, "NETWORK", "ネットワーク" },
  { "warm", "status.warm", SK_COLUMN_NUMBER, "WARM", "待機" },
  { "want-warm", "warm", SK_COLUMN_NUMBER, "WANTED", "待機の目標" },
  { "booting", "status.booting", SK_COLUMN_NUMBER, "BOOTING", "起動中" },
  { "in-use", "status.attached", SK_COLUMN_NUMBER, "IN USE", "使用中" },
  { "max", "maximum", SK_COLUMN_NUMBER, "MAX", "上限" },
  { "queued", "status.queued", SK_COLUMN_NUMBER, "QUEUED", "順番待ち" },
  { "stored", "status.stored", SK_COLUMN_NUMBER, "STORED", "保存済み", TRUE },
  { "want-stored", "stored", SK_COLUMN_NUMBER, "STORED WANTED", "保存の目標", TRUE },
  { "retiring", "status.retiring", SK_COLUMN_NUMBER, "RETIRING", "終了処理中", TRUE },
  { "failures", "status.failures", SK_COLUMN_NUMBER, "FAILED BOOTS", "起動の失敗", TRUE },
  { "retry-at", "status.retry_at", SK_COLUMN_TIME, "NEXT TRY", "次の試行", TRUE },
  { "reason", "status.reason", SK_COLUMN_BOTH, "WHY", "失敗の理由", TRUE },
  { "width", "width", SK_COLUMN_NUMBER, "WIDTH", "幅", TRUE },
  { "height", "height", SK_COLUMN_NUMBER, "HEIGHT", "高さ", TRUE },
  { "group", "group", SK_COLUMN_TEXT, "GROUP", "グループ", TRUE },
  { "detached-minutes", "detached_minutes", SK_COLUMN_NUMBER, "ENDS AFTER (min)", "画面なしで終了（分）",
    TRUE },
  { "border", "border", SK_COLUMN_TEXT, "BORDER", "枠の文字", TRUE },
  { "home-url", "home_url", SK_COLUMN_TEXT, "START PAGE", "開始ページ", TRUE },
  { "sound", "sound", SK_COLUMN_SWITCH, "SOUND", "音声", TRUE },
  { "watermark", "watermark", SK_COLUMN_SWITCH, "WATERMARK", "透かし", TRUE },
  { "recording", "recording", SK_COLUMN_SWITCH, "RECORDING", "録画", TRUE },
  { "clipboard", "clipboard", SK_COLUMN_TEXT, "CLIPBOARD", "クリップボード", TRUE },
  { "created", "created", SK_COLUMN_TIME, "CREATED", "作成日時", TRUE },
  { NULL },
};

static const SkOption options[] = {
  { "image", SK_OPTION_TEXT, "NAME", "image", "guest image", "ゲストのイメージ", "/1.0/images name" },
  { "memory", SK_OPTION_MEMORY, "MiB", "memory_mib", "memory of each VM (2048, 2048M, 2G)",
    "仮想マシン 1 台のメモリー（2048、2048M、2G）" },
  { "vcpus", SK_OPTION_NUMBER, "N", "vcpus", "virtual processors of each VM", "仮想マシン 1 台の仮想 CPU" },
  { "network", SK_OPTION_TEXT, "BRIDGE", "network",
    "bridge on which the host has no address; \"\" = no network card",
    "ホストがアドレスを持たないブリッジ。\"\" でネットワークなし" },
  { "warm", SK_OPTION_NUMBER, "N", "warm", "VMs kept ready in memory", "メモリー上で待機させる台数" },
  { "stored", SK_OPTION_NUMBER, "N", "stored", "VMs kept ready on disk behind them",
    "ディスクに保存して待機させる台数" },
  { "max", SK_OPTION_NUMBER, "N", "maximum", "VMs at once in any state", "同時に存在できる台数の上限" },
  { "width", SK_OPTION_NUMBER, "PIXELS", "width", "width of the first picture", "最初の画面の幅" },
  { "height", SK_OPTION_NUMBER, "PIXELS", "height", "height of the first picture", "最初の画面の高さ" },
  { "group", SK_OPTION_TEXT, "GROUP", "group", "unix group that may use it; \"\" = everybody",
    "使えるグループ。\"\" で全員" },
  { "detached-minutes", SK_OPTION_NUMBER, "MINUTES", "detached_minutes",
    "a session without a window ends after this", "画面を閉じたセッションを終了するまでの分数" },
  { "border", SK_OPTION_TEXT, "TEXT", "border", "text of the trust border", "枠に表示する文字" },
  { "home-url", SK_OPTION_TEXT, "URL", "home_url", "start page; \"\" = the image's",
    "開始ページ。\"\" でイメージの既定" },
  { "sound", SK_OPTION_SWITCH, "on|off", "sound", "whether its browsers are heard (on)",
    "ブラウザーの音を鳴らすかどうか（既定はオン）", "on,off" },
  { "watermark", SK_OPTION_SWITCH, "on|off", "watermark",
    "user, date and time faintly all over the picture (off)",
    "画面に利用者名と日時を薄く重ねるかどうか（既定はオフ）", "on,off" },
  { "recording", SK_OPTION_SWITCH, "on|off", "recording", "whether what is shown is kept, encrypted (off)",
    "画面と操作を暗号化して録画するかどうか（既定はオフ）", "on,off" },
  { "clipboard", SK_OPTION_TEXT, "off|import|export|both", "clipboard",
    "which ways texts and pictures may be copied, by the rules (both)",
    "コピーした文章や画像を規則に従って通す方向（既定は both）", "off,import,export,both" },
  { NULL },
};

static const SkOption delete_options[] = {
  { "force", SK_OPTION_FLAG, NULL, NULL, "even while sessions run: they end",
    "使用中でも削除（セッションは終了します）" },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/pools", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

static gboolean
run_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/pools", arguments[0], error);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return row && sk_output_show (ctl, columns, row, error);
}

static gboolean
run_create (SkCtl *ctl, char **arguments, GError **error)
{
  JsonObject *body = sk_ctl_body (ctl, sk_ctl_find_verb (&sk_pool_noun, "create"), error);
  g_autoptr (JsonNode) answer = NULL;
  if (!body)
    return FALSE;
  json_object_set_string_member (body, "name", arguments[0]);
  answer = sk_ctl_call (ctl, "POST", "/1.0/pools", body, error);
  json_object_unref (body);
  return answer != NULL;
}

/* Refuses when somebody else changed it between the two calls. */
static gboolean
run_edit (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/pools", arguments[0], error), *etag = NULL;
  g_autoptr (JsonObject) body
      = path ? sk_ctl_body (ctl, sk_ctl_find_verb (&sk_pool_noun, "edit"), error) : NULL;
  g_autoptr (JsonNode) present = NULL, node = NULL, answer = NULL;
  if (!body)
    return FALSE;
  if (json_object_get_size (body) == 0)
    {
      g_set_error_literal (error, SK_ERROR, SK_ERROR_INVALID,
                           SK_TR ("no option names what to change", "変更する項目がありません"));
      return FALSE;
    }
  present = sk_client_call_match (ctl->client, "GET", path, NULL, NULL, &etag, error);
  if (!present)
    return FALSE;
  node = json_node_init_object (json_node_alloc (), body);
  answer = sk_client_call_match (ctl->client, "PATCH", path, node, etag, NULL, error);
  return answer != NULL;
}

static gboolean
run_delete (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/pools", arguments[0], error);
  g_autofree char *full
      = path ? g_strconcat (path, sk_ctl_flag (ctl, "force") ? "?force=1" : "", NULL) : NULL;
  g_autoptr (JsonNode) answer = full ? sk_ctl_call (ctl, "DELETE", full, NULL, error) : NULL;
  return answer != NULL;
}

#define POOLS "/1.0/pools name"
static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, NULL, run_list, "list the pools", "プールの一覧" },
  { "show", "NAME", 1, 1, POOLS, NULL, run_show, "show everything about a pool", "プールの詳細" },
  { "create", "NAME", 1, 1, NULL, options, run_create, "create a pool", "プールを作成" },
  { "edit", "NAME", 1, 1, POOLS, options, run_edit, "change a pool; VMs of older settings drain",
    "プールを変更（古い設定の仮想マシンは順に入れ替わります）" },
  { "delete", "NAME", 1, 1, POOLS, delete_options, run_delete, "delete a pool and its VMs",
    "プールと仮想マシンを削除" },
  { NULL },
};
const SkNoun sk_pool_noun = { "pool", verbs, "pools of virtual machines", "仮想マシンのプール" };

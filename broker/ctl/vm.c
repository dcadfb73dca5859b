#include "ctl/output.h"

static const SkColumn columns[] = {
  { "id", "id", SK_COLUMN_TEXT, "ID", "ID" },
  { "pool", "pool", SK_COLUMN_TEXT, "POOL", "プール" },
  { "state", "state", SK_COLUMN_STATE, "STATE", "状態" },
  { "owner", "owner", SK_COLUMN_TEXT, "USER", "利用者" },
  { "changed", "changed", SK_COLUMN_TIME, "SINCE", "状態の開始" },
  { "reason", "reason", SK_COLUMN_BOTH, "WHY", "理由" },
  { "session", "session", SK_COLUMN_TEXT, "SESSION", "セッション", TRUE },
  { "image", "image", SK_COLUMN_SHORT, "IMAGE", "イメージ", TRUE },
  { "created", "created", SK_COLUMN_TIME, "CREATED", "作成日時", TRUE },
  { NULL },
};

static gboolean
run_list (SkCtl *ctl, char **arguments, GError **error)
{
  g_autoptr (JsonNode) rows = sk_ctl_call (ctl, "GET", "/1.0/vms", NULL, error);
  return rows && sk_output_list (ctl, columns, rows, error);
}

static gboolean
run_show (SkCtl *ctl, char **arguments, GError **error)
{
  g_autofree char *path = sk_ctl_path ("/1.0/vms", arguments[0], error);
  g_autoptr (JsonNode) row = path ? sk_ctl_call (ctl, "GET", path, NULL, error) : NULL;
  return row && sk_output_show (ctl, columns, row, error);
}

static gboolean
run_retire (SkCtl *ctl, char **arguments, GError **error)
{
  return sk_ctl_do (ctl, "DELETE", "/1.0/vms", arguments[0], error);
}

#define VMS "/1.0/vms id"
static const SkVerb verbs[] = {
  { "list", NULL, 0, 0, NULL, NULL, run_list, "list the virtual machines", "仮想マシンの一覧" },
  { "show", "ID", 1, 1, VMS, NULL, run_show, "show everything about a virtual machine", "仮想マシンの詳細" },
  { "retire", "ID", 1, 1, VMS, NULL, run_retire, "destroy it and wipe its disk; a session in it ends",
    "破棄してディスクを消去（使用中のセッションは終了します）" },
  { NULL },
};
const SkNoun sk_vm_noun = { "vm", verbs, "virtual machines", "仮想マシン" };

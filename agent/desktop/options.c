#include "desktop/options.h"
#include "common/error.h"
#include "common/i18n.h"
#include "desktop/url.h"
#include <stdio.h>
#include <string.h>

static const struct
{
  const char *word;
  SkCommand command;
} commands[] = {
  { "open", SK_COMMAND_OPEN },
  { "list", SK_COMMAND_LIST },
  { "end", SK_COMMAND_END },
  { "close", SK_COMMAND_END },
  { "status", SK_COMMAND_STATUS },
  { "send", SK_COMMAND_SEND },
  { "sent", SK_COMMAND_SENT },
  { "inbox", SK_COMMAND_INBOX },
  { "withdraw", SK_COMMAND_WITHDRAW },
  { "version", SK_COMMAND_VERSION },
  { "help", SK_COMMAND_HELP },
  { "--help", SK_COMMAND_HELP },
  { "-h", SK_COMMAND_HELP },
  { "--version", SK_COMMAND_VERSION },
  { "--background", SK_COMMAND_BACKGROUND },
};

static gboolean
refuse (GError **error, const char *sentence, const char *what)
{
  g_set_error (error, SK_ERROR, SK_ERROR_INVALID, "%s: %s", sentence, what);
  return FALSE;
}

static const char *
value_of (const char *argument, const char *name)
{
  gsize n = strlen (name);
  return strncmp (argument, name, n) == 0 && argument[n] == '=' ? argument + n + 1 : NULL;
}

/* "--name=value" and "--name value". Returns how many arguments were used, 0 when it is another option. */
static int
take_string (int left, char **argv, const char *name, const char **ret_value)
{
  const char *value = value_of (argv[0], name);
  if (value)
    {
      *ret_value = value;
      return 1;
    }
  if (strcmp (argv[0], name) != 0 || left < 2)
    return 0;
  *ret_value = argv[1];
  return 2;
}

static int
take_option (SkOptions *options, int left, char **argv)
{
  const char *text = NULL;
  int used;
  if ((used = take_string (left, argv, "--pool", &options->pool))
      || (used = take_string (left, argv, "--socket", &options->socket))
      || (used = take_string (left, argv, "--reason", &options->reason))
      || (used = take_string (left, argv, "--matter", &options->matter))
      || (used = take_string (left, argv, "--rdp-address", &options->rdp_address))
      || (used = take_string (left, argv, "--fingerprint", &options->fingerprint)))
    return used;
  if ((used = take_string (left, argv, "--viewer", &text)))
    {
      options->system_viewer = strcmp (text, "system") == 0;
      return options->system_viewer || strcmp (text, "own") == 0 ? used : 0;
    }
  if ((used = take_string (left, argv, "--size", &text)))
    return sscanf (text, "%dx%d", &options->width, &options->height) == 2 ? used : 0;
  if ((used = take_string (left, argv, "--monitors", &text)))
    {
      options->all_monitors = strcmp (text, "all") == 0;
      options->system_viewer = options->system_viewer || options->all_monitors;
      return options->all_monitors || strcmp (text, "current") == 0 ? used : 0;
    }
  if ((text = value_of (argv[0], "--large-text")) || strcmp (argv[0], "--large-text") == 0)
    {
      const gboolean off = text && strcmp (text, "off") == 0;
      options->large_text = off ? SK_LARGE_TEXT_OFF : SK_LARGE_TEXT_ON;
      return off || !text || strcmp (text, "on") == 0;
    }
  if (strcmp (argv[0], "--all") == 0)
    return options->all = TRUE;
  if (strcmp (argv[0], "--no-sound") == 0)
    return options->no_sound = TRUE;
  if (strcmp (argv[0], "--dialog") == 0 && options->command == SK_COMMAND_SEND)
    return options->dialog = TRUE;
  if (strcmp (argv[0], "--receive") == 0 && options->command == SK_COMMAND_INBOX)
    return options->receive = TRUE;
  return 0;
}

/* File managers and desktops give paths or file: URIs. */
static gboolean
take_file (SkOptions *options, const char *word, GError **error)
{
  g_autofree char *host = NULL;
  char *path = g_ascii_strncasecmp (word, "file:", 5) == 0 ? g_filename_from_uri (word, &host, NULL)
                                                           : g_strdup (word);
  if (host && g_ascii_strcasecmp (host, g_get_host_name ()) != 0)
    g_clear_pointer (&path, g_free);
  if (!path || !*path)
    {
      g_free (path);
      return refuse (
          error, SK_TR ("This is not a file of this computer", "このパソコンのファイルではありません"), word);
    }
  if (!options->files)
    options->files = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (options->files, path);
  return TRUE;
}

/* Files dropped onto the icon, which starts `open` with them. */
static gboolean
is_dropped_file (const SkOptions *options, const char *word)
{
  return options->command == SK_COMMAND_OPEN && !options->url
         && (word[0] == '/' || g_ascii_strncasecmp (word, "file:", 5) == 0);
}

static gboolean
takes_transfer (SkCommand command)
{
  return command == SK_COMMAND_SENT || command == SK_COMMAND_INBOX || command == SK_COMMAND_WITHDRAW;
}

static gboolean
take_word (SkOptions *options, const char *word, GError **error)
{
  if (is_dropped_file (options, word))
    {
      options->command = SK_COMMAND_SEND;
      options->dialog = TRUE;
    }
  if (options->command == SK_COMMAND_SEND)
    return take_file (options, word, error);
  if (takes_transfer (options->command) && !options->transfer)
    {
      options->transfer = word;
      return TRUE;
    }
  if (options->command == SK_COMMAND_OPEN && !options->url)
    {
      options->url = sk_url_normalise (word, error);
      return options->url != NULL;
    }
  if (options->command == SK_COMMAND_END && !options->session)
    {
      options->session = word;
      return TRUE;
    }
  return refuse (error, SK_TR ("This was not understood", "指定が正しくありません"), word);
}

/* Without a command word everything is for `open`: a desktop's "Exec=sekisho %u" and a bare `sekisho`. */
static gboolean
take_command (SkOptions *options, const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].word, word) == 0)
      {
        options->command = commands[i].command;
        return TRUE;
      }
  return FALSE;
}

gboolean
sk_options_parse (SkOptions *options, int argc, char **argv, GError **error)
{
  gboolean only_words = FALSE, has_command = FALSE;
  int i = 1;
  *options = (SkOptions){ .command = SK_COMMAND_OPEN };
  while (i < argc)
    {
      /* The first word is the command if it is one, also after options; no word is `open`. */
      if (!only_words && !has_command && (argv[i][0] != '-' || i == 1) && take_command (options, argv[i]))
        {
          has_command = TRUE;
          i++;
          continue;
        }
      has_command = has_command || argv[i][0] != '-';
      if (!only_words && strcmp (argv[i], "--") == 0)
        {
          only_words = TRUE;
          i++;
        }
      else if (!only_words && argv[i][0] == '-')
        {
          int used = take_option (options, argc - i, argv + i);
          if (used == 0)
            return refuse (error, SK_TR ("Unknown option", "オプションが正しくありません"), argv[i]);
          i += used;
        }
      else if (!take_word (options, argv[i++], error))
        return FALSE;
    }
  return TRUE;
}

const char *
sk_options_help (void)
{
  return SK_TR (
      "Usage: sekisho [COMMAND] [OPTION…]\n"
      "\n"
      "  open [URL]       open the internet side in a window (also: plain sekisho)\n"
      "  list             your sessions\n"
      "  end [SESSION]    end your session; the browser there is thrown away (also: close; --all)\n"
      "  status           is the service running, is a session open\n"
      "  send FILE…       send files or folders to the internet side (--reason TEXT, --dialog,\n"
      "                   --matter NAME for what belongs together)\n"
      "  sent [NUMBER]    what you sent, and what became of it\n"
      "  inbox [NUMBER]   what came from the internet side (--receive: fetch what waits)\n"
      "  withdraw NUMBER  take back what has not arrived yet\n"
      "  version, --help\n"
      "\n"
      "  --pool NAME      another kind of browser, if your administrator offers several\n"
      "  --viewer=system  use the FreeRDP client of this system instead of our own window\n"
      "  --monitors all   full screen on all monitors, by this system's FreeRDP client\n"
      "  --large-text     pages at 150 %, from now on; --large-text=off as usual again\n"
      "  --no-sound       do not even ask for the internet side's sound\n"
      "  --background     wait without a window, so that the next click is quicker\n"
      "  --socket PATH    where sekishod listens (else $SEKISHO_SOCKET, /run/sekisho/api.sock)\n"
      "\n"
      "In the window: Ctrl+Alt+Enter full screen, Ctrl+Alt+Home to the title bar;\n"
      "Ctrl+V after copying files: the window that sends them.\n",
      "使い方: sekisho [コマンド] [オプション…]\n"
      "\n"
      "  open [URL]       インターネット側を画面に開く（sekisho だけでも同じ）\n"
      "  list             自分のセッションの一覧\n"
      "  end [セッション] セッションを終了する。向こう側のブラウザーは破棄される（close も同じ。--all "
      "で全部）\n"
      "  status           サービスが動いているか、セッションが開いているか\n"
      "  send ファイル…   ファイルやフォルダーをインターネット側へ送る（--reason 理由、--dialog で画面、\n"
      "                   --matter 案件名 でまとめる）\n"
      "  sent [番号]      送ったものと、その状況\n"
      "  inbox [番号]     インターネット側から届くもの（--receive で受け取る）\n"
      "  withdraw 番号    まだ届いていないものを取り下げる\n"
      "  version, --help\n"
      "\n"
      "  --pool 名前      別の種類のブラウザー（管理者が用意している場合）\n"
      "  --viewer=system  専用の画面の代わりに、このシステムの FreeRDP クライアントを使う\n"
      "  --monitors all   すべてのモニターで全画面にする（このシステムの FreeRDP クライアントを使う）\n"
      "  --large-text     次からもページを 150 % で表示する。--large-text=off で元に戻す\n"
      "  --no-sound       インターネット側の音を受け取らない\n"
      "  --background     画面を出さずに待機し、次のクリックを速くする\n"
      "  --socket パス    sekishod の待ち受け場所（通常は $SEKISHO_SOCKET か /run/sekisho/api.sock）\n"
      "\n"
      "画面の操作: Ctrl+Alt+Enter で全画面、Ctrl+Alt+Home でタイトルバーへ。\n"
      "ファイルをコピーして Ctrl+V を押すと、送る画面が開きます。\n");
}

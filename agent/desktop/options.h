/* The command line of `sekisho`. Pure; main thread. */
#pragma once
#include <gio/gio.h>

typedef enum
{
  SK_COMMAND_OPEN,
  SK_COMMAND_BACKGROUND,
  SK_COMMAND_LIST,
  SK_COMMAND_END,
  SK_COMMAND_STATUS,
  SK_COMMAND_SEND,     /* files to the internet side */
  SK_COMMAND_SENT,     /* what was sent */
  SK_COMMAND_INBOX,    /* what comes from there */
  SK_COMMAND_WITHDRAW, /* what was sent and has not arrived */
  SK_COMMAND_VERSION,
  SK_COMMAND_HELP,
} SkCommand;

typedef struct
{
  SkCommand command;
  char *url;           /* normalised; NULL: start page */
  const char *session; /* end */
  const char *pool;
  const char *socket;
  gboolean system_viewer;
  gboolean all_monitors; /* with the system's viewer */
  enum
  {
    SK_LARGE_TEXT_AS_BEFORE,
    SK_LARGE_TEXT_ON,
    SK_LARGE_TEXT_OFF
  } large_text;
  gboolean all; /* end */
  gboolean no_sound;
  GPtrArray *files;     /* send: char *, paths here; NULL: none. The caller's. */
  const char *reason;   /* send */
  const char *matter;   /* send: number or title; NULL: none */
  gboolean dialog;      /* send: in a window */
  const char *transfer; /* sent, inbox, withdraw */
  gboolean receive;     /* inbox */
  /* for developers, not in --help: no broker */
  const char *rdp_address, *fingerprint;
  int width, height; /* --size: for tests */
} SkOptions;

/* argv's strings are kept by reference. SK_ERROR_INVALID with a sentence for people. */
gboolean
sk_options_parse (SkOptions *options, int argc, char **argv, GError **error) G_GNUC_WARN_UNUSED_RESULT;
const char *sk_options_help (void);

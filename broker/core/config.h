/* What sekishod is told: command line over /etc/sekisho/sekishod.conf over built-in values. */
#pragma once
#include <gio/gio.h>

typedef struct
{
  char *state_dir;   /* database, disks, images */
  char *runtime_dir; /* sockets; emptied by a reboot */
  char *socket;      /* the API's */
  char *libexec_dir; /* sekisho-screen, sekisho-view, build-image */
  char *image_dir;
  char *policy_dir;   /* the rules for what may cross */
  char *organisation; /* of people whom the personnel list gives none */
  char *antivirus;    /* see inspect/antivirus.h; NULL: Debian's clamd, where it runs */
  char *syslog_tls;   /* HOST:PORT that gets the audit trail; NULL: nobody */
  char *syslog_ca;    /* whom its certificate has to be signed by; NULL: those whom the system trusts */
  char *audit_jsonl;  /* file that gets it as JSON lines; NULL: none */
  /* Days that details of the trail are kept, by class; 0: for ever. */
  int audit_transfer_days, audit_session_days, audit_other_days;
  char *uri;
  int max_boots; /* 0: one for every two CPUs */
  int spare_views;
} SkConfig;

void sk_config_free (SkConfig *);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkConfig, sk_config_free)

/* NULL with an error when something is wrong with either; may print help and exit. */
SkConfig *sk_config_load (int *argc, char ***argv, GError **error);

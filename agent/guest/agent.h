/* sekisho-agent: the guest's end of the agent port. It answers; it never starts anything but READY and
 * BROWSER_READY, and passes on what sekisho-files says. What it must know of the machine comes in a table, so
 * that a test is a machine too. */
#pragma once
#include "port.h"

typedef struct
{
  const char *port_path;      /* NULL: the virtio-serial port */
  int port_fd;                /* a stand-in for it, or -1 */
  const char *credentials;    /* made by new-login */
  const char *proc_net_tcp;   /* where the RDP server's listener appears */
  guint16 tcp_port;           /* the RDP server's */
  const char *session_path;   /* unix socket for sekisho-session */
  uid_t session_uid;          /* whose it is */
  const char *files_path;     /* unix socket for sekisho-files, or NULL */
  const char *bulk_path;      /* a stand-in for the bulk memory; NULL: the device */
  const char *root;           /* prefix of /sys and /proc for the inventory */
  gint64 (*clock_now) (void); /* microseconds since 1970 */
  gboolean (*clock_set) (gint64 us);
  void (*power_off) (void);
} SkAgentMachine;

/* The real one. */
extern const SkAgentMachine sk_agent_machine;

typedef struct _SkAgent SkAgent;

SkAgent *sk_agent_new (const SkAgentMachine *machine, GError **error);
void sk_agent_free (SkAgent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkAgent, sk_agent_free)

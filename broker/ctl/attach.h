/* One stock RDP client on a unix socket, spliced into a session's stream. */
#pragma once
#include "ctl/ctl.h"

gboolean sk_ctl_attach (SkCtl *ctl, const char *session, const char *path, GError **error);

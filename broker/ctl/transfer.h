/* What the nouns about transfers share. */
#pragma once
#include "ctl/output.h"

extern const SkColumn sk_transfer_columns[], sk_comment_columns[];
/* A verb: everything about one. */
gboolean sk_transfer_show (SkCtl *ctl, char **arguments, GError **error);

/* What GTK reads from the environment when it starts. Has to be said before there is a second thread:
 * setenv() moves what other threads' getenv() is reading. What the user set stays. */
#pragma once
#include <glib.h>

void sk_environment_prepare (void);

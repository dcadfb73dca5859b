/* The commands that need no window. Each returns the exit status. */
#pragma once
#include "desktop/options.h"

int sk_command_list (const SkOptions *options);
int sk_command_end (const SkOptions *options);
int sk_command_status (const SkOptions *options);
/* `open --viewer=system`: runs the distribution's FreeRDP client on the stream, until it ends. */
int sk_command_system_viewer (const SkOptions *options);
/* Transfers (transfer-commands.c). `send` ends with what happens next; refused or denied is a failure. */
int sk_command_send (const SkOptions *options);
int sk_command_sent (const SkOptions *options);
int sk_command_inbox (const SkOptions *options);
int sk_command_withdraw (const SkOptions *options);
/* Prints the sentence for people and returns the exit status that belongs to it. */
int sk_command_fail (const GError *error);

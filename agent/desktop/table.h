/* Rows for people on a terminal: aligned by the width of what is shown, Japanese counts double. The look of
 * sekishoctl's tables, whose code belongs to that program. Main thread. */
#pragma once
#include <glib.h>

typedef struct _SkTable SkTable;
SkTable *sk_table_new (guint columns);
/* As many strings as there are columns; control characters become visible. */
void sk_table_add (SkTable *table, ...);
/* To standard output. */
void sk_table_print (SkTable *table);
void sk_table_free (SkTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkTable, sk_table_free)

/* Columns that the text takes on a terminal. */
guint sk_table_width (const char *text);

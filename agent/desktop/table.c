#include "desktop/table.h"
#include "desktop/names.h"
#include <stdarg.h>
#include <stdio.h>

struct _SkTable
{
  guint columns;
  GPtrArray *cells; /* row after row */
};

SkTable *
sk_table_new (guint columns)
{
  SkTable *table = g_new0 (SkTable, 1);
  table->columns = columns;
  table->cells = g_ptr_array_new_with_free_func (g_free);
  return table;
}

void
sk_table_free (SkTable *table)
{
  if (!table)
    return;
  g_ptr_array_unref (table->cells);
  g_free (table);
}

void
sk_table_add (SkTable *table, ...)
{
  va_list arguments;
  va_start (arguments, table);
  for (guint c = 0; c < table->columns; c++)
    {
      const char *text = va_arg (arguments, const char *);
      g_ptr_array_add (table->cells, sk_names_for_people (text && *text ? text : "-"));
    }
  va_end (arguments);
}

guint
sk_table_width (const char *text)
{
  guint width = 0;
  for (const char *c = text; *c; c = g_utf8_next_char (c))
    {
      const gunichar wide = g_utf8_get_char (c);
      width += g_unichar_iszerowidth (wide) ? 0 : g_unichar_iswide (wide) ? 2 : 1;
    }
  return width;
}

static guint
column_width (SkTable *table, guint column)
{
  guint width = 0;
  for (guint i = column; i < table->cells->len; i += table->columns)
    width = MAX (width, sk_table_width (table->cells->pdata[i]));
  return width;
}

void
sk_table_print (SkTable *table)
{
  g_autofree guint *widths = g_new (guint, table->columns);
  for (guint c = 0; c < table->columns; c++)
    widths[c] = column_width (table, c);
  for (guint i = 0; i < table->cells->len; i += table->columns)
    {
      g_autoptr (GString) line = g_string_new (NULL);
      for (guint c = 0; c < table->columns; c++)
        {
          const char *text = table->cells->pdata[i + c];
          g_string_append_printf (line, "%s%s%*s", c ? "  " : "", text,
                                  (int) (widths[c] - sk_table_width (text)), "");
        }
      printf ("%s\n", g_strchomp (line->str));
    }
}

/* Build tool: writes the glyphs of the trust border's label as C source.
 *
 * The view draws its label inside its sandbox, where no font can be opened and no font library should be
 * loaded. So the build renders ASCII and all of JIS X 0208 (what Japanese municipalities write with) from the
 * distribution's CJK font once, as 16-level masks: a megabyte of constants, of which a view touches a page.
 *
 *   make-label-font FONT INDEX OUTPUT */
#include <ft2build.h>
#include FT_FREETYPE_H
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "label-font.h"

static unsigned short points[65536];
static unsigned n_points;

/* EUC-JP codes JIS X 0208 as two bytes of A1..FE. */
static void
collect_points (void)
{
  iconv_t from_euc = iconv_open ("UTF-16LE", "EUC-JP");
  if (from_euc == (iconv_t) -1)
    exit (1);
  static unsigned char wanted[65536];
  for (unsigned c = 0x20; c < 0x7f; c++)
    wanted[c] = 1;
  for (unsigned row = 0xa1; row <= 0xfe; row++)
    for (unsigned cell = 0xa1; cell <= 0xfe; cell++)
      {
        char in[2] = { (char) row, (char) cell }, out[4];
        char *from = in, *to = out;
        size_t left = 2, room = 4;
        if (iconv (from_euc, &from, &left, &to, &room) == 0 && room == 2)
          wanted[(unsigned char) out[0] | (unsigned char) out[1] << 8] = 1;
        else
          iconv (from_euc, NULL, NULL, NULL, NULL);
      }
  iconv_close (from_euc);
  for (unsigned c = 0; c < 65536; c++)
    if (wanted[c])
      points[n_points++] = (unsigned short) c;
}

static void
render (FT_Face face, unsigned point, unsigned char cell[SK_LABEL_CELL_BYTES], unsigned *advance)
{
  memset (cell, 0, SK_LABEL_CELL_BYTES);
  if (FT_Load_Char (face, point, FT_LOAD_RENDER | FT_LOAD_TARGET_LIGHT) != 0)
    exit (1);
  const FT_GlyphSlot g = face->glyph;
  *advance = (unsigned) (g->advance.x + 32) >> 6;
  for (unsigned y = 0; y < g->bitmap.rows; y++)
    for (unsigned x = 0; x < g->bitmap.width; x++)
      {
        int cx = g->bitmap_left + (int) x, cy = SK_LABEL_BASELINE - g->bitmap_top + (int) y;
        if (cx < 0 || cy < 0 || cx >= SK_LABEL_CELL_WIDTH || cy >= SK_LABEL_CELL_HEIGHT)
          continue;
        unsigned at = (unsigned) cy * SK_LABEL_CELL_WIDTH + (unsigned) cx;
        unsigned level = g->bitmap.buffer[y * (unsigned) g->bitmap.pitch + x] >> 4;
        cell[at / 2] |= (unsigned char) (level << (at % 2 * 4));
      }
}

int
main (int argc, char **argv)
{
  FT_Library library;
  FT_Face face;
  if (argc != 4 || FT_Init_FreeType (&library) != 0
      || FT_New_Face (library, argv[1], atol (argv[2]), &face) != 0
      || FT_Set_Pixel_Sizes (face, 0, SK_LABEL_PIXELS) != 0)
    {
      fprintf (stderr, "make-label-font: cannot use %s\n", argc > 1 ? argv[1] : "no font");
      return 1;
    }
  FILE *out = fopen (argv[3], "w");
  if (!out)
    return 1;
  collect_points ();
  static unsigned char cells[65536][SK_LABEL_CELL_BYTES];
  fprintf (out, "#include \"rdp/label-font.h\"\nconst unsigned sk_label_glyphs = %u;\n", n_points);
  fprintf (out, "const unsigned short sk_label_points[] = {");
  for (unsigned i = 0; i < n_points; i++)
    fprintf (out, "%s%u,", i % 16 ? "" : "\n", points[i]);
  fprintf (out, "};\nconst unsigned char sk_label_advances[] = {");
  for (unsigned i = 0; i < n_points; i++)
    {
      unsigned advance;
      render (face, points[i], cells[i], &advance);
      fprintf (out, "%s%u,", i % 32 ? "" : "\n",
               advance > SK_LABEL_CELL_WIDTH ? SK_LABEL_CELL_WIDTH : advance);
    }
  fprintf (out, "};\nconst unsigned char sk_label_cells[][SK_LABEL_CELL_BYTES] = {\n");
  for (unsigned i = 0; i < n_points; i++)
    {
      fputc ('{', out);
      for (unsigned k = 0; k < SK_LABEL_CELL_BYTES; k++)
        fprintf (out, "%u,", cells[i][k]);
      fputs ("},\n", out);
    }
  fprintf (out, "};\n");
  return fclose (out) == 0 ? 0 : 1;
}

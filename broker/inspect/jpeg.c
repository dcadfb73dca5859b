/* JPEG: decoded to grey or RGB, turned as EXIF says, encoded anew without any marker that is not needed. */
#include "inspect/image.h"
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

/* Looks the same to people at any quality that cameras use. */
#define QUALITY 92
/* A progressive picture has about ten; each more costs a walk over all of it (the known bomb has thousands).
 */
#define SCANS_MAX 100
/* Coefficients of a progressive picture of the largest size with half the colour. */
#define MEMORY_MAX (256L << 20)

typedef struct
{
  struct jpeg_error_mgr manager;
  jmp_buf back;
} Errors;

typedef struct
{
  SkRebuild *r;
  const guint8 *data;
  gsize length;
  SkImage image;
  guint orientation;
  int h, v; /* sampling of the brightness: 2 or 1 */
  guint8 *row;
} Job;

static G_NORETURN void
on_error (j_common_ptr cinfo)
{
  longjmp (((Errors *) cinfo->err)->back, 1);
}

static void
on_message (j_common_ptr cinfo, int level)
{
  if (level < 0)
    cinfo->err->num_warnings++;
}

static void
on_progress (j_common_ptr cinfo)
{
  if (((j_decompress_ptr) cinfo)->input_scan_number > SCANS_MAX)
    on_error (cinfo);
}

static struct jpeg_error_mgr *
errors_init (Errors *errors)
{
  jpeg_std_error (&errors->manager);
  errors->manager.error_exit = on_error;
  errors->manager.emit_message = on_message;
  return &errors->manager;
}

/* -- decoding ---------------------------------------------------------------------------------------------
 */

static void
report_marker (Job *job, jpeg_saved_marker_ptr m)
{
  char name[8];
  gboolean location = FALSE;
  const gboolean exif
      = m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp (m->data, "Exif\0", 6) == 0;
  if (m->marker == JPEG_COM)
    g_strlcpy (name, "COM", sizeof name);
  else
    g_snprintf (name, sizeof name, "APP%d", m->marker - JPEG_APP0);
  if (exif)
    job->orientation = sk_exif_orientation (m->data + 6, m->data_length - 6, &location);
  if (location)
    sk_rebuild_found (job->r, SK_FOUND_LOCATION, 1, NULL);
  sk_rebuild_found (job->r, SK_FOUND_METADATA, 1, exif ? "Exif" : name);
}

/* Inks to light. Adobe's programs, which make nearly all of these, write them inverted. */
static void
take_cmyk (const guint8 *cmyk, gboolean inverted, guint8 *rgb, guint width)
{
  for (guint x = 0; x < width; x++, cmyk += 4, rgb += 3)
    for (guint i = 0; i < 3; i++)
      rgb[i] = (guint8) (inverted ? cmyk[i] * cmyk[3] / 255 : (255 - cmyk[i]) * (255 - cmyk[3]) / 255);
}

static void
read_rows (struct jpeg_decompress_struct *d, Job *job, gboolean cmyk)
{
  while (d->output_scanline < d->output_height)
    {
      guint8 *to = job->image.pixels + d->output_scanline * job->image.stride;
      guint8 *into = cmyk ? job->row : to;
      if (jpeg_read_scanlines (d, &into, 1) != 1)
        on_error ((j_common_ptr) d);
      if (cmyk)
        take_cmyk (into, d->saw_Adobe_marker, to, d->output_width);
    }
}

static void
read_header (struct jpeg_decompress_struct *d, Job *job)
{
  jpeg_mem_src (d, job->data, job->length);
  for (int i = 1; i < 16; i++)
    jpeg_save_markers (d, JPEG_APP0 + i, 0xffff);
  jpeg_save_markers (d, JPEG_COM, 0xffff);
  jpeg_read_header (d, TRUE);
  for (jpeg_saved_marker_ptr m = d->marker_list; m; m = m->next)
    if (m->marker != JPEG_APP0 + 14) /* Adobe's note on colours */
      report_marker (job, m);
  job->h = d->comp_info[0].h_samp_factor == 2 ? 2 : 1;
  job->v = d->comp_info[0].v_samp_factor == 2 ? 2 : 1;
}

static gboolean
read_pixels (struct jpeg_decompress_struct *d, Job *job)
{
  read_header (d, job);
  const gboolean cmyk = d->num_components == 4, grey = d->num_components == 1;
  if (!sk_image_check (job->r, d->image_width, d->image_height))
    return FALSE;
  if (d->num_components != 1 && d->num_components != 3 && d->num_components != 4)
    return sk_rebuild_refuse (job->r, SK_REASON_IMAGE_VARIANT);
  d->out_color_space = cmyk ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_start_decompress (d);
  if (!sk_image_init (&job->image, job->r, d->output_width, d->output_height, grey ? 1 : 3))
    return FALSE;
  job->row = g_malloc ((gsize) d->output_width * 4);
  read_rows (d, job, cmyk);
  jpeg_finish_decompress (d);
  if (d->err->num_warnings > 0)
    sk_rebuild_found (job->r, SK_FOUND_DAMAGED, (guint) d->err->num_warnings, NULL);
  if (d->src->bytes_in_buffer > 0)
    sk_rebuild_found (job->r, SK_FOUND_TRAILING, 1, NULL);
  return TRUE;
}

static gboolean
decode (Job *job)
{
  struct jpeg_progress_mgr progress = { .progress_monitor = on_progress };
  struct jpeg_decompress_struct d = { 0 };
  Errors errors;
  d.err = errors_init (&errors);
  if (setjmp (errors.back) == 0)
    {
      jpeg_create_decompress (&d);
      d.progress = &progress;
      d.mem->max_memory_to_use = MEMORY_MAX;
      read_pixels (&d, job);
    }
  else
    sk_rebuild_refuse (job->r, SK_REASON_IMAGE_DAMAGED);
  jpeg_destroy_decompress (&d);
  g_clear_pointer (&job->row, g_free);
  return job->r->reason == SK_REASON_NONE;
}

/* -- encoding ---------------------------------------------------------------------------------------------
 */

typedef struct
{
  struct jpeg_destination_mgr manager;
  SkRebuild *r;
  guint8 buffer[64 * 1024];
} Out;

static void
on_start (j_compress_ptr c)
{
  Out *out = (Out *) c->dest;
  out->manager.next_output_byte = out->buffer;
  out->manager.free_in_buffer = sizeof out->buffer;
}

static boolean
on_full (j_compress_ptr c)
{
  Out *out = (Out *) c->dest;
  if (!sk_rebuild_write (out->r, out->buffer, sizeof out->buffer))
    on_error ((j_common_ptr) c);
  on_start (c);
  return TRUE;
}

static void
on_end (j_compress_ptr c)
{
  Out *out = (Out *) c->dest;
  if (!sk_rebuild_write (out->r, out->buffer, sizeof out->buffer - out->manager.free_in_buffer))
    on_error ((j_common_ptr) c);
}

static void
write_pixels (struct jpeg_compress_struct *c, Job *job)
{
  const gboolean turned = job->orientation >= 5;
  c->image_width = sk_image_width (&job->image, job->orientation);
  c->image_height = sk_image_height (&job->image, job->orientation);
  c->input_components = (int) job->image.channels;
  c->in_color_space = job->image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults (c);
  jpeg_set_quality (c, QUALITY, TRUE);
  /* as fine in colour as it was: small letters of a scan */
  c->comp_info[0].h_samp_factor = job->image.channels == 1 ? 1 : turned ? job->v : job->h;
  c->comp_info[0].v_samp_factor = job->image.channels == 1 ? 1 : turned ? job->h : job->v;
  c->optimize_coding = FALSE;
  jpeg_start_compress (c, TRUE);
  while (c->next_scanline < c->image_height)
    {
      sk_image_row (&job->image, job->orientation, c->next_scanline, job->row);
      jpeg_write_scanlines (c, &job->row, 1);
    }
  jpeg_finish_compress (c);
}

/* Where the encoder writes to. */
static struct jpeg_destination_mgr *
out_init (Out *out, SkRebuild *r)
{
  out->r = r;
  out->manager.init_destination = on_start;
  out->manager.empty_output_buffer = on_full;
  out->manager.term_destination = on_end;
  return &out->manager;
}

static gboolean
encode (Job *job)
{
  struct jpeg_compress_struct c = { 0 };
  Errors errors;
  g_autofree Out *out = g_new0 (Out, 1);
  job->row = g_malloc ((gsize) MAX (job->image.width, job->image.height) * job->image.channels);
  c.err = errors_init (&errors);
  if (setjmp (errors.back) == 0)
    {
      jpeg_create_compress (&c);
      c.dest = out_init (out, job->r);
      write_pixels (&c, job);
    }
  else
    sk_rebuild_refuse (job->r, SK_REASON_IMAGE_LARGE);
  jpeg_destroy_compress (&c);
  g_clear_pointer (&job->row, g_free);
  return job->r->reason == SK_REASON_NONE;
}

/* -- once more ----------------------------------------------------------------------------------------------
 */

/* One that comes out of here would lose a little each time it is decoded and encoded again: a file that goes
 * back and forth between two offices would fade. What has our own tables, and no marker that we do not write,
 * is taken apart to its coefficients and written anew from those: the second time changes nothing. */
static gboolean
has_our_form (const struct jpeg_decompress_struct *d)
{
  return !d->marker_list && !d->progressive_mode && !d->arith_code && d->restart_interval == 0
         && d->data_precision == 8 && d->saw_JFIF_marker && !d->saw_Adobe_marker
         && ((d->num_components == 1 && d->jpeg_color_space == JCS_GRAYSCALE)
             || (d->num_components == 3 && d->jpeg_color_space == JCS_YCbCr));
}

static gboolean
has_our_table (const struct jpeg_decompress_struct *d, const struct jpeg_compress_struct *c, int i)
{
  const jpeg_component_info *their = &d->comp_info[i];
  const int most = i == 0 && d->num_components == 3 ? 2 : 1;
  const JQUANT_TBL *ours = c->quant_tbl_ptrs[i == 0 ? 0 : 1];
  const JQUANT_TBL *table = their->quant_tbl_no >= 0 && their->quant_tbl_no < NUM_QUANT_TBLS
                                ? d->quant_tbl_ptrs[their->quant_tbl_no]
                                : NULL;
  return table && their->h_samp_factor >= 1 && their->h_samp_factor <= most && their->v_samp_factor >= 1
         && their->v_samp_factor <= most
         && memcmp (table->quantval, ours->quantval, sizeof table->quantval) == 0;
}

/* c: only for its tables. */
static gboolean
is_ours (const struct jpeg_decompress_struct *d, struct jpeg_compress_struct *c)
{
  if (!has_our_form (d))
    return FALSE;
  c->input_components = d->num_components;
  c->in_color_space = d->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults (c);
  jpeg_set_quality (c, QUALITY, TRUE);
  for (int i = 0; i < d->num_components; i++)
    if (!has_our_table (d, c, i))
      return FALSE;
  return TRUE;
}

static void
write_again (struct jpeg_decompress_struct *d, struct jpeg_compress_struct *c, Job *job)
{
  jvirt_barray_ptr *coefficients = jpeg_read_coefficients (d);
  jpeg_copy_critical_parameters (d, c);
  c->density_unit = 0;
  c->X_density = c->Y_density = 1;
  jpeg_write_coefficients (c, coefficients);
  jpeg_finish_compress (c);
  if (d->err->num_warnings > 0)
    sk_rebuild_found (job->r, SK_FOUND_DAMAGED, (guint) d->err->num_warnings, NULL);
  jpeg_finish_decompress (d);
  if (d->src->bytes_in_buffer > 0)
    sk_rebuild_found (job->r, SK_FOUND_TRAILING, 1, NULL);
}

/* FALSE: it is not one of ours, and nothing has happened, or it was refused. */
static gboolean
rebuild_ours (Job *job)
{
  struct jpeg_progress_mgr progress = { .progress_monitor = on_progress };
  struct jpeg_decompress_struct d = { 0 };
  struct jpeg_compress_struct c = { 0 };
  g_autofree Out *out = g_new0 (Out, 1);
  SkRebuild quiet = { 0 };
  Errors errors;
  volatile gboolean ours = FALSE;
  d.err = c.err = errors_init (&errors);
  if (setjmp (errors.back) == 0)
    {
      Job look = { .r = &quiet, .data = job->data, .length = job->length, .orientation = 1 };
      jpeg_create_decompress (&d);
      jpeg_create_compress (&c);
      d.progress = &progress;
      d.mem->max_memory_to_use = MEMORY_MAX;
      read_header (&d, &look);
      ours = is_ours (&d, &c) && sk_image_check (job->r, d.image_width, d.image_height);
      c.dest = out_init (out, job->r);
      if (ours)
        write_again (&d, &c, job);
    }
  else if (ours)
    sk_rebuild_refuse (job->r, SK_REASON_IMAGE_DAMAGED);
  jpeg_destroy_decompress (&d);
  jpeg_destroy_compress (&c);
  return ours && job->r->reason == SK_REASON_NONE;
}

gboolean
sk_jpeg_encode (SkRebuild *r, const SkImage *image)
{
  Job job = { .r = r, .image = *image, .orientation = 1, .h = 2, .v = 2 };
  return encode (&job);
}

gboolean
sk_jpeg_decode (SkRebuild *r, const guint8 *untrusted, gsize length, SkImage *ret)
{
  Job job = { .r = r, .data = untrusted, .length = length, .orientation = 1 };
  const gboolean ok = decode (&job);
  *ret = job.image;
  return ok;
}

gboolean
sk_jpeg_rebuild (SkRebuild *r, const guint8 *untrusted, gsize length)
{
  Job job = { .r = r, .data = untrusted, .length = length, .orientation = 1 };
  if (rebuild_ours (&job))
    return TRUE;
  const gboolean ok = r->reason == SK_REASON_NONE && decode (&job) && encode (&job);
  sk_image_clear (&job.image);
  return ok;
}

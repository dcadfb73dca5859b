/* stream-guac GUACD_PORT RDP_HOST:PORT MODE SECONDS SHARED [nokeys]: the measuring client for Guacamole's
 * guacd. Speaks its protocol, decodes every image that comes, as the web client does. The rest is as in
 * stream-client.c. */
#include "stream.h"
#include <arpa/inet.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <webp/decode.h>

#define CONTENT_SECONDS 30
#define RUN_IN_NS G_GUINT64_CONSTANT (2000000000)
#define STREAMS 256
#define ELEMENTS_MAX 512
#define READ_ROOM (256 * 1024)

typedef struct
{
  int width, height;
  uint8_t *pixels; /* BGRX32 */
} Layer;

typedef struct
{
  int layer, x, y;
  gboolean webp, open;
  GByteArray *data;
} Image;

static StreamMeter meter;
static int connection;
static GByteArray *in;
static gsize taken;
static uint64_t received;
static char *elements[ELEMENTS_MAX];
static int n_elements;
static GHashTable *layers;
static Image images[STREAMS];
static gboolean any_image;
/* The path that is filled next: one rectangle is all guacd uses. */
static struct
{
  int layer, x, y, width, height;
} path;

/* -- the protocol: LENGTH.VALUE,LENGTH.VALUE; with lengths in characters ----------------------------------
 */

static void
send_all (const char *text, gsize length)
{
  while (length > 0)
    {
      const gssize n = send (connection, text, length, MSG_NOSIGNAL);
      if (n <= 0)
        exit (5);
      text += n;
      length -= (gsize) n;
    }
}

static void
say (const char *opcode, ...)
{
  g_autoptr (GString) s = g_string_new (NULL);
  va_list list;
  va_start (list, opcode);
  for (const char *word = opcode; word; word = va_arg (list, const char *))
    g_string_append_printf (s, "%s%zu.%s", word == opcode ? "" : ",", strlen (word), word);
  va_end (list);
  g_string_append_c (s, ';');
  send_all (s->str, s->len);
}

static gsize
character (uint8_t first)
{
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The next instruction into elements[]; FALSE when it is not complete yet. */
static gboolean
take_instruction (void)
{
  gsize starts[ELEMENTS_MAX], ends[ELEMENTS_MAX], at = taken;
  int n = 0;
  for (uint8_t mark = ','; mark != ';'; at++)
    {
      gsize length = 0;
      while (at < in->len && g_ascii_isdigit (in->data[at]))
        length = length * 10 + (gsize) (in->data[at++] - '0');
      at++; /* the dot */
      const gsize start = at;
      for (; length > 0 && at < in->len; length--)
        at += character (in->data[at]);
      if (at >= in->len)
        return FALSE;
      mark = in->data[at];
      if (n < ELEMENTS_MAX)
        {
          starts[n] = start;
          ends[n++] = at;
        }
    }
  for (int i = 0; i < n; i++)
    {
      in->data[ends[i]] = '\0';
      elements[i] = (char *) in->data + starts[i];
    }
  n_elements = n;
  taken = at;
  return TRUE;
}

static gboolean
fill (int ms)
{
  struct pollfd p = { connection, POLLIN, 0 };
  if (poll (&p, 1, ms) <= 0)
    return FALSE;
  if (taken > 0)
    {
      g_byte_array_remove_range (in, 0, (guint) taken);
      taken = 0;
    }
  const guint length = in->len;
  g_byte_array_set_size (in, length + READ_ROOM);
  const gssize n = read (connection, in->data + length, READ_ROOM);
  if (n <= 0)
    {
      fprintf (stderr, "stream-guac: guacd hung up\n");
      exit (5);
    }
  g_byte_array_set_size (in, length + (guint) n);
  received += (uint64_t) n;
  return TRUE;
}

/* -- pictures -------------------------------------------------------------------------------------------- */

static Layer *
layer_of (int id)
{
  Layer *layer = g_hash_table_lookup (layers, GINT_TO_POINTER (id));
  if (!layer)
    {
      layer = g_new0 (Layer, 1);
      g_hash_table_insert (layers, GINT_TO_POINTER (id), layer);
    }
  return layer;
}

static void
grow (Layer *layer, int width, int height)
{
  width = MAX (width, layer->width);
  height = MAX (height, layer->height);
  if (width == layer->width && height == layer->height)
    return;
  uint8_t *pixels = g_malloc0 ((gsize) width * (gsize) height * 4);
  for (int y = 0; y < layer->height; y++)
    memcpy (pixels + (gsize) y * (gsize) width * 4, layer->pixels + (gsize) y * (gsize) layer->width * 4,
            (gsize) layer->width * 4);
  g_free (layer->pixels);
  *layer = (Layer){ width, height, pixels };
}

static void
draw (Layer *layer, int x, int y, const uint8_t *bgrx, int width, int height)
{
  grow (layer, x + width, y + height);
  for (int j = 0; j < height; j++)
    memcpy (layer->pixels + ((gsize) (y + j) * (gsize) layer->width + (gsize) x) * 4,
            bgrx + (gsize) j * (gsize) width * 4, (gsize) width * 4);
}

static void
draw_pixbuf (const Image *image)
{
  g_autoptr (GdkPixbufLoader) loader = gdk_pixbuf_loader_new ();
  if (!gdk_pixbuf_loader_write (loader, image->data->data, image->data->len, NULL)
      || !gdk_pixbuf_loader_close (loader, NULL))
    return;
  GdkPixbuf *pixbuf = gdk_pixbuf_loader_get_pixbuf (loader);
  const int width = gdk_pixbuf_get_width (pixbuf), height = gdk_pixbuf_get_height (pixbuf);
  const int channels = gdk_pixbuf_get_n_channels (pixbuf), stride = gdk_pixbuf_get_rowstride (pixbuf);
  const uint8_t *from = gdk_pixbuf_read_pixels (pixbuf);
  g_autofree uint8_t *bgrx = g_malloc0 ((gsize) width * (gsize) height * 4);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        const uint8_t *p = from + y * stride + x * channels;
        const uint8_t pixel[4] = { p[2], p[1], p[0], 0 };
        memcpy (bgrx + ((gsize) y * (gsize) width + (gsize) x) * 4, pixel, 4);
      }
  draw (layer_of (image->layer), image->x, image->y, bgrx, width, height);
}

static void
draw_webp (const Image *image)
{
  int width, height;
  uint8_t *bgrx = WebPDecodeBGRA (image->data->data, image->data->len, &width, &height);
  if (bgrx)
    draw (layer_of (image->layer), image->x, image->y, bgrx, width, height);
  WebPFree (bgrx);
}

static void
copy (void)
{
  Layer *from = layer_of (atoi (elements[1])), *to = layer_of (atoi (elements[7]));
  const int x = atoi (elements[2]), y = atoi (elements[3]);
  const int width = MIN (atoi (elements[4]), from->width - x),
            height = MIN (atoi (elements[5]), from->height - y);
  if (width <= 0 || height <= 0)
    return;
  g_autofree uint8_t *part = g_malloc ((gsize) width * (gsize) height * 4);
  for (int j = 0; j < height; j++)
    memcpy (part + (gsize) j * (gsize) width * 4,
            from->pixels + ((gsize) (y + j) * (gsize) from->width + (gsize) x) * 4, (gsize) width * 4);
  draw (to, atoi (elements[8]), atoi (elements[9]), part, width, height);
}

static void
fill_path (void)
{
  const uint32_t colour = (uint32_t) atoi (elements[3]) << 16 | (uint32_t) atoi (elements[4]) << 8
                          | (uint32_t) atoi (elements[5]);
  Layer *layer = layer_of (path.layer);
  for (int y = path.y; y < MIN (path.y + path.height, layer->height); y++)
    for (int x = path.x; x < MIN (path.x + path.width, layer->width); x++)
      memcpy (layer->pixels + ((gsize) y * (gsize) layer->width + (gsize) x) * 4, &colour, 4);
}

static void
end_of_picture (void)
{
  const Layer *layer = layer_of (0);
  say ("sync", elements[1], NULL);
  if (any_image && layer->width >= STREAM_WIDTH && layer->height >= STREAM_HEIGHT)
    stream_meter_look (&meter, layer->pixels, (gsize) layer->width * 4);
}

static void
begin_image (void)
{
  Image *image = &images[atoi (elements[1]) % STREAMS];
  if (!image->data)
    image->data = g_byte_array_new ();
  g_byte_array_set_size (image->data, 0);
  image->open = any_image = TRUE;
  image->layer = atoi (elements[3]);
  image->webp = g_str_equal (elements[4], "image/webp");
  image->x = atoi (elements[5]);
  image->y = atoi (elements[6]);
}

static void
add_blob (void)
{
  Image *image = &images[atoi (elements[1]) % STREAMS];
  gsize n;
  if (!image->open)
    {
      say ("ack", elements[1], "OK", "0", NULL);
      return;
    }
  g_autofree uint8_t *data = g_base64_decode (elements[2], &n);
  g_byte_array_append (image->data, data, (guint) n);
}

static void
end_image (void)
{
  Image *image = &images[atoi (elements[1]) % STREAMS];
  if (image->open && image->webp)
    draw_webp (image);
  else if (image->open)
    draw_pixbuf (image);
  image->open = FALSE;
}

static void
handle (void)
{
  const char *opcode = elements[0];
  if (g_str_equal (opcode, "img"))
    begin_image ();
  else if (g_str_equal (opcode, "blob"))
    add_blob ();
  else if (g_str_equal (opcode, "end"))
    end_image ();
  else if (g_str_equal (opcode, "size"))
    grow (layer_of (atoi (elements[1])), atoi (elements[2]), atoi (elements[3]));
  else if (g_str_equal (opcode, "copy"))
    copy ();
  else if (g_str_equal (opcode, "rect"))
    {
      path.layer = atoi (elements[1]);
      path.x = atoi (elements[2]);
      path.y = atoi (elements[3]);
      path.width = atoi (elements[4]);
      path.height = atoi (elements[5]);
    }
  else if (g_str_equal (opcode, "cfill"))
    fill_path ();
  else if (g_str_equal (opcode, "sync"))
    end_of_picture ();
  else if (g_str_equal (opcode, "error"))
    {
      fprintf (stderr, "stream-guac: %s\n", elements[1]);
      exit (4);
    }
}

/* guacd gives up who says nothing for 15 s. */
#define ALIVE_NS G_GUINT64_CONSTANT (3000000000)

static void
pump (int ms)
{
  static uint64_t said;
  if (stream_now () - said > ALIVE_NS)
    {
      said = stream_now ();
      say ("nop", NULL);
    }
  if (take_instruction ())
    handle ();
  else if (fill (ms))
    while (take_instruction ())
      handle ();
}

/* -- connecting ------------------------------------------------------------------------------------------ */

static const char *
value_of (const char *name, char **address)
{
  const struct
  {
    const char *name, *value;
  } values[] = { { "hostname", address[0] },
                 { "port", address[1] },
                 { "username", "u" },
                 { "password", "p" },
                 { "width", "1920" },
                 { "height", "1080" },
                 { "dpi", "96" },
                 { "security", "tls" },
                 { "ignore-cert", "true" },
                 { "color-depth", "32" },
                 { "disable-audio", "true" },
                 { "disable-gfx", "true" } };
  if (g_str_has_prefix (name, "VERSION_"))
    return name;
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    if (g_str_equal (name, values[i].name))
      return values[i].value;
  return "";
}

static void
connect_guacd (int port, char **address)
{
  const struct sockaddr_in where = { .sin_family = AF_INET,
                                     .sin_port = htons ((uint16_t) port),
                                     .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  const int one = 1;
  connection = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect (connection, (const struct sockaddr *) &where, sizeof where) != 0)
    {
      perror ("guacd");
      exit (4);
    }
  setsockopt (connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  say ("select", "rdp", NULL);
  while (!take_instruction ())
    fill (1000);
  g_autoptr (GString) answer = g_string_new ("7.connect");
  for (int i = 1; i < n_elements; i++)
    {
      const char *value = value_of (elements[i], address);
      g_string_append_printf (answer, ",%zu.%s", strlen (value), value);
    }
  g_string_append_c (answer, ';');
  say ("size", "1920", "1080", "96", NULL);
  say ("audio", NULL);
  say ("video", NULL);
  say ("image", "image/png", "image/jpeg", "image/webp", NULL);
  say ("timezone", "UTC", NULL);
  send_all (answer->str, answer->len);
}

int
main (int argc, char **argv)
{
  if (argc < 6 || !stream_meter_init (&meter, argc, argv, 3))
    {
      fprintf (stderr, "usage: stream-guac PORT HOST:PORT still|video|scroll|drag SECONDS SHARED [nokeys]\n");
      return 2;
    }
  g_auto (GStrv) address = g_strsplit (argv[2], ":", 2);
  in = g_byte_array_new ();
  layers = g_hash_table_new (NULL, NULL);
  /* guacd does not draw what it takes to be white already */
  meter.blank_is_white = TRUE;
  meter.shared->mode = STREAM_STILL;
  meter.started = stream_now ();
  connect_guacd (atoi (argv[1]), address);
  const uint64_t limit = meter.started + CONTENT_SECONDS * G_GUINT64_CONSTANT (1000000000);
  while (!meter.content && stream_now () < limit)
    pump (20);
  meter.shared->mode = meter.mode;
  const uint64_t until = stream_now () + RUN_IN_NS;
  while (stream_now () < until)
    pump (20);
  stream_meter_sync ("ready");
  stream_meter_begin (&meter, received);
  while (!stream_meter_is_over (&meter))
    {
      if (stream_meter_key_due (&meter))
        {
          say ("key", "97", "1", NULL);
          say ("key", "97", "0", NULL);
        }
      pump (5);
    }
  stream_meter_sync ("done");
  stream_meter_print (&meter, received);
  say ("disconnect", NULL);
  return 0;
}

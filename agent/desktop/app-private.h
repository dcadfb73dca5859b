/* Between app.c (what happens), app-bus.c (the session bus) and app-files.c (files, both ways). */
#pragma once
#include "desktop/clipboard.h"
#include "desktop/desktop.h"
#include "desktop/receiver.h"
#include "desktop/send-dialog.h"
#include "desktop/window.h"

#define APP_ID "jp.sekisho.Desktop"

typedef struct
{
  const SkOptions *options;
  GMainLoop *loop;
  GSource *wake; /* made ready by other threads */
  SkInstance *instance;
  GApplication *bus; /* NULL: no session bus, or not yet */
  SkPixels *pixels;
  SkLink *link;
  SkRdpClient *client;
  SkWindow *window;
  SkDesktopClip *clip; /* as long as the window */
  gboolean resident;   /* stays after the window is closed */
  gboolean open;       /* the window is shown */
  gboolean connected;  /* the client has a stream */
  gboolean alive;      /* ... and showed a picture */
  gboolean muted;      /* the user wants no sound; for as long as this program runs */
  gboolean ending;     /* the user asked to end the session: close the window then */
  guint notice_serial;
  int room_width, room_height, room_scale;
  int asked_width, asked_height;
  int asked_scale; /* percent, large text included */
  gboolean large_text;
  GFileMonitor *large_text_file;
  SkReceiver *receiver;      /* NULL: without a broker */
  SkSendDialog *send_dialog; /* NULL: closed */
} App;

void app_click (App *app, const char *url);
void app_activate (App *app, const char *url, const char *token);
void app_close (App *app);
void app_stream_lost (App *app);
void app_follow_room (App *app);
void app_first_paint_is_done (App *app);

/* paths (char *): NULL for an empty dialog. */
void app_send_files (App *app, GPtrArray *paths);
void app_files_start (App *app);
void app_files_stop (App *app);
/* Once there is a bus: what notifications do. */
void app_files_add_actions (App *app);

void app_bus_start (App *app);
void app_bus_stop (App *app);

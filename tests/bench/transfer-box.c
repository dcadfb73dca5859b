#include "transfer-box.h"
#include "common/log.h"
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As sekishod has them. */
#define SPARES 4
#define INSPECTIONS 2

void
transfer_box_check (const GError *error)
{
  if (!error)
    return;
  fprintf (stderr, "transfer-box: %s\n", error->message);
  exit (1);
}

gint64
transfer_box_worked (void)
{
  struct timespec t;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
  return (gint64) t.tv_sec * G_USEC_PER_SEC + t.tv_nsec / 1000;
}

SkStore *
transfer_box_store (const char *state)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *database = g_build_filename (state, "sekisho.db", NULL);
  SkStore *store = sk_store_open (database, &error);
  transfer_box_check (error);
  return store;
}

void
transfer_box_open (TransferBox *box, const char *state, const char *libexec, const char *policies)
{
  GError *error = NULL;
  *box = (TransferBox){ .store = transfer_box_store (state) };
  if (!(box->audit = sk_audit_new (box->store, state, "bench", &error))
      || !(box->quarantine = sk_quarantine_new (state, NULL, &error))
      || !(box->people = sk_people_new (box->store, "bench", &error))
      || (libexec && !(box->inspector = sk_inspector_new (libexec, SPARES, &error))))
    transfer_box_check (error);
  const SkTransfersParts parts = { .store = box->store,
                                   .audit = box->audit,
                                   .quarantine = box->quarantine,
                                   .inspector = box->inspector,
                                   .people = box->people,
                                   .policy_dir = policies,
                                   .organisation = "bench",
                                   .inspections = libexec ? INSPECTIONS : 0 };
  box->transfers = sk_transfers_new (&parts, &error);
  transfer_box_check (error);
}

void
transfer_box_close (TransferBox *box)
{
  g_clear_object (&box->transfers);
  g_clear_pointer (&box->inspector, sk_inspector_free);
  g_clear_pointer (&box->people, sk_people_free);
  g_clear_pointer (&box->quarantine, sk_quarantine_free);
  g_clear_pointer (&box->audit, sk_audit_free);
  g_clear_pointer (&box->store, sk_store_close);
}

static gboolean
on_time (gpointer done)
{
  *(gboolean *) done = TRUE;
  return G_SOURCE_REMOVE;
}

void
transfer_box_rest (guint milliseconds)
{
  gboolean done = FALSE;
  g_timeout_add (milliseconds, on_time, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
}

void
transfer_box_wait (TransferBox *box, const char *id, SkTransferState state)
{
  const SkTransfer *row;
  while ((row = sk_transfers_peek (box->transfers, id)) && row->state != state)
    {
      if (row->state == SK_TRANSFER_REFUSED || row->state == SK_TRANSFER_HELD)
        {
          fprintf (stderr, "transfer-box: it is %s: %s\n", sk_transfer_state_word (row->state), row->en);
          exit (1);
        }
      g_main_context_iteration (NULL, TRUE);
    }
}

static guint
number (const char *text)
{
  return (guint) g_ascii_strtoull (text, NULL, 10);
}

int
main (int argc, char **argv)
{
  signal (SIGPIPE, SIG_IGN);
  setvbuf (stdout, NULL, _IOLBF, 0);
  sk_log_init ("transfer-box");
  sk_log_set_threshold (G_LOG_LEVEL_WARNING); /* each change of a transfer is a line */
  if (argc == 7 && strcmp (argv[1], "text") == 0)
    transfer_text (argv[2], argv[3], argv[4], number (argv[5]), number (argv[6]));
  else if (argc == 6 && strcmp (argv[1], "queue") == 0)
    transfer_queue (argv[2], argv[3], number (argv[4]), number (argv[5]));
  else if (argc == 6 && strcmp (argv[1], "import") == 0)
    transfer_import (argv[2], argv[3], argv[4], argv[5]);
  else
    {
      fputs ("transfer-box text STATE LIBEXEC POLICIES COUNT REST-MS\n"
             "transfer-box queue STATE POLICIES N DECIDE\n"
             "transfer-box import STATE LIBEXEC POLICIES SOCKET\n",
             stderr);
      return 64;
    }
  return 0;
}

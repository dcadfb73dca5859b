/* The one error domain. Every code maps, in one table, to an HTTP status, a CLI exit status, a word for the
 * audit log and a sentence for people in English and Japanese. A unit test walks the table. */
#pragma once
#include <gio/gio.h>

#define SK_ERROR (sk_error_quark ())
GQuark sk_error_quark (void);

typedef enum
{
  SK_ERROR_INTERNAL,    /* our own mistake, or something not foreseen: refuse */
  SK_ERROR_INVALID,     /* the request is malformed or a value is out of range */
  SK_ERROR_NOT_FOUND,   /* no such object, or none that this caller may know of */
  SK_ERROR_FORBIDDEN,   /* the caller may not do this */
  SK_ERROR_CONFLICT,    /* the object exists, is in use, or is in a state that does not allow this */
  SK_ERROR_FULL,        /* capacity is used up; waiting helps */
  SK_ERROR_LIMIT,       /* larger, longer or more than a named limit */
  SK_ERROR_PROTOCOL,    /* a peer broke its protocol; that peer's session ends */
  SK_ERROR_PEER_LOST,   /* a peer (guest, worker, viewer, libvirt) went away */
  SK_ERROR_TIMEOUT,     /* a peer did not answer in time */
  SK_ERROR_UNAVAILABLE, /* a service we need does not run or lacks something (libvirt, image, network) */
  SK_ERROR_CANCELLED,   /* the caller took it back */
  SK_ERROR_STORE,       /* the store could not make it durable */
  _SK_ERROR_LAST
} SkErrorCode;

typedef struct
{
  SkErrorCode code;
  const char *word; /* stable; goes into the API's "error_type", logs and audit */
  int http;
  int exit_status; /* of command line programs; sysexits(3) where one fits */
  const char *en;  /* what happened and what to do next, for people */
  const char *ja;
} SkErrorInfo;

/* Never NULL: an unknown or foreign error is described as internal. Static storage. */
const SkErrorInfo *sk_error_info (const GError *error);
const SkErrorInfo *sk_error_info_for_code (SkErrorCode code);
/* The code for a word that came over the API, INTERNAL if unknown. */
SkErrorCode sk_error_code_from_word (const char *word);

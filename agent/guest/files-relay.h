/* The agent's end of the unix socket to sekisho-files, which runs as the person at the desktop and has the
 * folders. File messages are passed on as they are, in both directions; the agent only knows which offers and
 * puts are open, so that it can end them when sekisho-files goes away.
 *
 *   no peer ─connects─▶ greeting ─SYNCED─▶ in step ─HELLO of the host, host lost─▶ greeting
 *
 * Packets (SOCK_SEQPACKET): u16 type, u16 0, u32 id, body. Besides the file messages:
 *   agent → files   SYNC       id: number of the host's connection, 0 = the host is away; body u32: the
 * largest id of an offer on that connection so far files → agent   SYNCED     the same id: what was said
 * before it belongs to the past files → agent   SPAN       id of an offer; u32 index of an item, u64 offset,
 * u32 length; the file comes along as a descriptor. The agent reads so much of it itself and sends it as
 * DATA, before it takes the next packet: half the copies and a quarter of the wakings. agent → files
 * SPAN_DONE  id of the offer; u32 length, or 0: the file does not have it. Then nothing more of that offer is
 * passed on but OFFER_GONE.
 *
 * Once the host says that it reads the bulk memory, spans go over that (bulk.h). */
#pragma once
#include "port.h"

#define SK_FILES_SYNC 0
#define SK_FILES_SYNCED 1
#define SK_FILES_SPAN_DONE 2
#define SK_FILES_SPAN 3
/* One span goes out before anything else of sekisho-files: a small file waits for 60 ms of the port, or 10 of
 * the bulk memory. */
#define SK_FILES_SPAN_MAX (4 * 1024 * 1024)
#define SK_FILES_HEADER 8
#define SK_FILES_PACKET_MAX (SK_FILES_HEADER + SK_PORT_BODY_MAX)

typedef struct _SkFilesRelay SkFilesRelay;

/* Listens at path; only connections of this user id (or of our own) are kept, the newest wins. port:
 * borrowed, must live longer. bulk_path: as in SkAgentMachine. */
SkFilesRelay *
sk_files_relay_new (const char *path, uid_t uid, SkPort *port, const char *bulk_path, GError **error);
void sk_files_relay_free (SkFilesRelay *relay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SkFilesRelay, sk_files_relay_free)

/* The host greeted, or went away. */
void sk_files_relay_set_host (SkFilesRelay *relay, gboolean there);
/* A file message of the host. */
void sk_files_relay_take (SkFilesRelay *relay, const SkFrame *frame);
/* The port has room. */
void sk_files_relay_run (SkFilesRelay *relay);

#include "wire/agent.h"
#include <string.h>

const SkMessageSpec sk_agent_messages[] = {
  { SK_AGENT_HELLO, "hello", SK_FROM_HOST, "qqt" },
  { SK_AGENT_HELLO_ACK, "hello-ack", SK_FROM_PEER, "qtss", 128 },
  { SK_AGENT_READY, "ready", SK_FROM_PEER, "ss", 128 },
  { SK_AGENT_BROWSER_READY, "browser-ready", SK_FROM_PEER, "" },
  { SK_AGENT_OPEN_URL, "open-url", SK_FROM_HOST, "s", SK_URL_MAX },
  { SK_AGENT_TIME_SET, "time-set", SK_FROM_HOST, "t" },
  { SK_AGENT_RESIZE_HINT, "resize-hint", SK_FROM_HOST, "qq" },
  { SK_AGENT_SCALE, "scale", SK_FROM_HOST, "q" },
  { SK_AGENT_SHUTDOWN, "shutdown", SK_FROM_HOST, "" },
  { SK_AGENT_PING, "ping", SK_FROM_HOST, "t" },
  { SK_AGENT_PONG, "pong", SK_FROM_PEER, "t" },
  { SK_AGENT_RESULT, "result", SK_FROM_PEER, "ys", SK_AGENT_TEXT_MAX },
  { SK_AGENT_PROBE, "probe", SK_FROM_HOST, "yqus", 64 },
  { SK_AGENT_INVENTORY, "inventory", SK_FROM_HOST, "" },
  { SK_AGENT_INVENTORY_LIST, "inventory-list", SK_FROM_PEER, "l", SK_AGENT_TEXT_MAX },
  { SK_FILE_OFFER, "offer", SK_FROM_PEER, "utss", SK_FILE_KEY_LENGTH },
  { SK_FILE_OFFER_REPLY, "offer-reply", SK_FROM_HOST, "yutus", SK_AGENT_TEXT_MAX },
  { SK_FILE_ITEM, "item", SK_FROM_PEER, "uts", SK_FILE_NAME_MAX },
  { SK_FILE_DATA, "data", SK_FROM_PEER, "utb" },
  { SK_FILE_ITEM_END, "item-end", SK_FROM_PEER, "us", 64 },
  { SK_FILE_OFFER_END, "offer-end", SK_FROM_PEER, "" },
  { SK_FILE_CREDIT, "credit", SK_FROM_HOST, "t" },
  { SK_FILE_OFFER_STOP, "offer-stop", SK_FROM_HOST, "ys", SK_AGENT_TEXT_MAX },
  { SK_FILE_OFFER_GONE, "offer-gone", SK_FROM_PEER, "s", SK_AGENT_TEXT_MAX },
  { SK_FILE_STATUS, "status", SK_FROM_HOST, "sss", SK_AGENT_TEXT_MAX },
  { SK_FILE_PUT, "put", SK_FROM_HOST, "uts", SK_FILE_ID_MAX },
  { SK_FILE_PUT_REPLY, "put-reply", SK_FROM_PEER, "yutus", SK_AGENT_TEXT_MAX },
  { SK_FILE_PUT_ITEM, "put-item", SK_FROM_HOST, "utss", SK_FILE_NAME_MAX },
  { SK_FILE_PUT_DATA, "put-data", SK_FROM_HOST, "utb" },
  { SK_FILE_PUT_END, "put-end", SK_FROM_HOST, "" },
  { SK_FILE_PUT_CREDIT, "put-credit", SK_FROM_PEER, "t" },
  { SK_FILE_PUT_DONE, "put-done", SK_FROM_PEER, "" },
  { SK_FILE_PUT_STOP, "put-stop", SK_FROM_HOST, "s", SK_AGENT_TEXT_MAX },
  { SK_FILE_PUT_GONE, "put-gone", SK_FROM_PEER, "s", SK_AGENT_TEXT_MAX },
  { SK_FILE_BULK_READY, "bulk-ready", SK_FROM_HOST, "u" },
  { SK_FILE_BULK_TAKEN, "bulk-taken", SK_FROM_HOST, "t" },
  { SK_FILE_BULK, "bulk", SK_FROM_PEER, "utuu" },
  { 0 },
};

gboolean
sk_file_is_message (guint16 type)
{
  return type >= SK_FILE_OFFER_REPLY && type <= SK_FILE_BULK;
}

gboolean
sk_file_kind_is_known (const char *untrusted_kind)
{
  static const char *const kinds[] = { "file", "print", "url", NULL };
  return g_strv_contains (kinds, untrusted_kind);
}

static gboolean
is_of (const char *untrusted_text, const char *letters, gsize least, gsize most)
{
  const gsize length = strlen (untrusted_text);
  return length >= least && length <= most && strspn (untrusted_text, letters) == length;
}

gboolean
sk_file_is_hex (const char *untrusted_text, gsize n)
{
  return is_of (untrusted_text, "0123456789abcdef", n, n);
}

gboolean
sk_file_is_id (const char *untrusted_text)
{
  return is_of (untrusted_text, "0123456789abcdef-", 1, SK_FILE_ID_MAX);
}

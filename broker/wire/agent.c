#include "wire/agent.h"

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
  { 0 },
};

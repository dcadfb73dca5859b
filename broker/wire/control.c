#include "wire/control.h"

#define WORKING (SK_WORKER_BUSY | SK_WORKER_ENDING)

#define COMMON_ROWS                                                                                          \
  { SK_CONTROL_HELLO, "hello", SK_FROM_PEER, "quyss", 64, 0, SK_WORKER_FRESH, TRUE },                        \
      { SK_CONTROL_PING, "ping", SK_FROM_HOST, "t" }, { SK_CONTROL_PONG, "pong", SK_FROM_PEER, "t" },        \
      { SK_CONTROL_LOG, "log", SK_FROM_PEER, "ys", SK_CONTROL_LOG_MAX },                                     \
      { SK_CONTROL_CLIP_OFFER, "clip-offer", SK_FROM_PEER, "tyu", 0, 1, WORKING },                           \
      { SK_CONTROL_CLIP_SET, "clip-set", SK_FROM_HOST, "tyuyu", 0, 1 },                                      \
      { SK_CONTROL_CLIP_ALLOW, "clip-allow", SK_FROM_HOST, "y" },                                            \
  {                                                                                                          \
    SK_CONTROL_END, "end", SK_FROM_HOST, ""                                                                  \
  }

const SkMessageSpec sk_control_screen_messages[] = {
  COMMON_ROWS,
  { SK_SCREEN_JOB, "job", SK_FROM_HOST, "qquss", 128, 2, 0, TRUE },
  { SK_SCREEN_STATE, "state", SK_FROM_PEER, "yus", 256, 0, WORKING },
  { SK_SCREEN_ADD_VIEW, "add-view", SK_FROM_HOST, "u", 0, 2 },
  { SK_SCREEN_REMOVE_VIEW, "remove-view", SK_FROM_HOST, "u" },
  { SK_SCREEN_GET_MEMORY, "get-memory", SK_FROM_HOST, "" },
  { SK_SCREEN_MEMORY, "memory", SK_FROM_PEER, "", 0, 1, WORKING, TRUE },
  { 0 },
};

const SkMessageSpec sk_control_view_messages[] = {
  COMMON_ROWS,
  { SK_VIEW_JOB, "job", SK_FROM_HOST, "qquuqsss", 256, 3, 0, TRUE },
  { SK_VIEW_RECORD, "record", SK_FROM_HOST, "", 0, 1, 0, TRUE },
  { SK_VIEW_ATTACH, "attach", SK_FROM_HOST, "", 0, 1, 0, TRUE },
  { SK_VIEW_STATE, "state", SK_FROM_PEER, "yus", 256, 0, WORKING },
  { SK_VIEW_SCALE, "scale", SK_FROM_PEER, "q", 0, 0, WORKING },
  { 0 },
};

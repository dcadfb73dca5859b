/* Transfers and approvals over the API: transfers.c, streams.c. */
#pragma once
#include "api/request.h"
#include "core/transfers.h"

/* NULL where nothing crosses: answered then. */
SkTransfers *sk_api_transfers (SkRequest *request);
/* whole: with its items. */
JsonObject *sk_api_transfer_to_json (SkTransfers *transfers, const SkTransfer *row, gboolean whole);
void sk_api_transfer_changed (SkApiServer *server, const char *id);
void sk_api_matter_changed (SkApiServer *, const char *id);

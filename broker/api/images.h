/* The one image build that may run. */
#pragma once
#include "api/request.h"

/* Ends it, for the end of the server. */
void sk_api_images_stop (SkApiServer *server);

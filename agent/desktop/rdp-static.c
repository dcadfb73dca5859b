/* The backend, linked into the program. */
#include "desktop/rdp-shared.h"

SkRdpBackend
sk_rdp_get_backend (GError **error)
{
  return sk_rdp_backend_run;
}

#include "ctl/ctl.h"

int
main (int argc, char **argv)
{
  return sk_ctl_main (argc, argv);
}

#include "desktop/layout.h"
#include <math.h>

SkLayout
sk_layout_fit (int room_width, int room_height, int picture_width, int picture_height)
{
  if (room_width <= 0 || room_height <= 0 || picture_width <= 0 || picture_height <= 0)
    return (SkLayout){ .zoom = 1 };
  int spare_x = room_width - picture_width, spare_y = room_height - picture_height;
  if (spare_x >= 0 && spare_y >= 0 && spare_x <= SK_LAYOUT_SLACK && spare_y <= SK_LAYOUT_SLACK)
    return (SkLayout){ { spare_x / 2, spare_y / 2, picture_width, picture_height }, 1 };
  double zoom = MIN ((double) room_width / picture_width, (double) room_height / picture_height);
  int width = MAX (1, (int) lround (picture_width * zoom)),
      height = MAX (1, (int) lround (picture_height * zoom));
  return (SkLayout){ { (room_width - width) / 2, (room_height - height) / 2, width, height }, zoom };
}

void
sk_layout_to_picture (const SkLayout *layout, int picture_width, int picture_height, double x, double y,
                      int *ret_x, int *ret_y)
{
  double zoom = layout->zoom > 0 ? layout->zoom : 1;
  *ret_x = CLAMP ((int) floor ((x - layout->target.x) / zoom), 0, MAX (picture_width - 1, 0));
  *ret_y = CLAMP ((int) floor ((y - layout->target.y) / zoom), 0, MAX (picture_height - 1, 0));
}

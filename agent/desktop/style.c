#include "desktop/style.h"

#define PIXELS(n) G_STRINGIFY (n) "px"

/* Sizes of text in em, so that the desktop's large-text setting counts. */
static const char css[]
    = "window.sekisho headerbar { background: " SK_STYLE_TRUST "; color: white; box-shadow: none; }\n"
      "window.sekisho headerbar button { color: white; background-image: none;"
      " background-color: rgba(255,255,255,0.16); border-color: rgba(255,255,255,0.4); }\n"
      "window.sekisho headerbar button:hover { background-color: rgba(255,255,255,0.28); }\n"
      "window.sekisho headerbar popover { color: @theme_fg_color; }\n"
      "window.sekisho headerbar popover button { color: inherit; background-color: alpha(currentColor,0.08); "
      "}\n"
      "window.sekisho headerbar:backdrop label.sekisho-side { opacity: 0.8; }\n"
      ".sekisho-side { font-weight: bold; font-size: 1.15em; color: white; }\n"
      ".sekisho-frame { border: " PIXELS (
          SK_STYLE_FRAME_WIDTH) " solid " SK_STYLE_TRUST "; }\n"
                                ".sekisho-strip { background: " SK_STYLE_TRUST
                                "; color: white; font-weight: bold; }\n"
                                ".sekisho-notice { background: #fff3cd; color: #3d2f00; padding: 0.5em; }\n"
                                ".sekisho-panel { background: @theme_bg_color; color: @theme_fg_color; "
                                "border-radius: 0.6em;"
                                " padding: 1.6em 2em; margin: 1em; }\n"
                                ".sekisho-send { padding: 1em; }\n"
                                ".sekisho-send progressbar text { font-size: 1em; opacity: 1; color: "
                                "@theme_fg_color; }\n"
                                ".sekisho-lost { background: #fbe9e7; color: #8c1d18; padding: 0.6em 0.8em; "
                                "border-radius: 0.4em; }\n"
                                ".sekisho-good { background: #e6f4ea; color: #0d5225; padding: 0.6em 0.8em; "
                                "border-radius: 0.4em; }\n"
                                ".sekisho-title { font-size: 1.35em; font-weight: bold; }\n";

void
sk_style_apply (GdkDisplay *display)
{
  g_autoptr (GtkCssProvider) provider = gtk_css_provider_new ();
#if GTK_CHECK_VERSION(4, 12, 0)
  gtk_css_provider_load_from_string (provider, css);
#else
  gtk_css_provider_load_from_data (provider, css, -1);
#endif
  gtk_style_context_add_provider_for_display (display, GTK_STYLE_PROVIDER (provider),
                                              GTK_STYLE_PROVIDER_PRIORITY_APPLICATION);
}

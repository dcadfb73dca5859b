/* Every virtual channel that FreeRDP's headers, Microsoft's documents and xrdp name: what a guest or a viewer
 * may try. */
#pragma once
#include <freerdp/channels/channels.h>

/* Static ones ([MS-RDPBCGR] 2.2.1.3.4.1: up to 31 a connection, seven letters each). */
static const char *const static_channels[] = {
  "drdynvc", /* dynamic channels: the only one that is always taken */
  "rdpsnd",  /* sound from the guest: taken where the pool allows it */
  "rdpdr",   /* drives, printers, ports, smart cards */
  "cliprdr", /* texts and pictures: taken where the core allows it */
  "rail",    "rail_wi", "rail_ri", "encomsp", "remdesk", "rdp2tcp", "xrdpapi", "snddbg", "seamrdp",
  "rdpinpt", "tsvctkt", "TSMF",    "urbdrc",  "audin",   "printer", "drive",   "scard",
};

/* Dynamic ones ([MS-RDPEDYC]), opened by name. */
static const char *const dynamic_channels[] = {
  "Microsoft::Windows::RDS::DisplayControl", /* the only one that the screen has */
  "AUDIO_INPUT",                             /* microphone */
  "RDCamera_Device_Enumerator",              /* cameras */
  "AUDIO_PLAYBACK_DVC",
  "AUDIO_PLAYBACK_LOSSY_DVC",
  "Microsoft::Windows::RDS::Graphics",
  "Microsoft::Windows::RDS::Geometry::v08.01",
  "Microsoft::Windows::RDS::Video::Control::v08.01",
  "Microsoft::Windows::RDS::Video::Data::v08.01",
  "Microsoft::Windows::RDS::RemoteAppGraphicsRedirection",
  "Microsoft::Windows::RDS::Location",
  "Microsoft::Windows::RDS::AuthRedirection",
  "Microsoft::Windows::RDS::Input",
  "Microsoft::Windows::RDS::CoreInput",
  "Microsoft::Windows::RDS::MouseCursor",
  "Microsoft::Windows::RDS::Telemetry",
  "FreeRDP::Advanced::Input",
  "ECHO",
  "TSMF",
  "URBDRC",
  "urbdrc",
  "rdpewa",
  "rdpecam",
  "WebAuthN_Channel",
  "rdpdr",
  "cliprdr",
  "PNPDR",
  "FileRedirectorChannel",
  "dvc::no::such::channel",
};

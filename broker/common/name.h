/* Names of files that come from the other side: safe on every file system that they may reach, and showing
 * what they are. Pure; any thread. */
#pragma once
#include <gio/gio.h>

/* ext4, XFS and NTFS alike end at 255 (NTFS counts UTF-16 units, of which there are never more than bytes).
 */
#define SK_NAME_COMPONENT_MAX 255
/* Far below PATH_MAX, so that a folder of ours still fits in front; what people make is under 300. */
#define SK_NAME_PATH_MAX 1024
/* Deeper trees are put into an archive by people, and made to exhaust us by others. */
#define SK_NAME_DEPTH_MAX 16
/* Read at most: composing (NFC) makes three bytes of up to nine, and what cannot be seen goes. */
#define SK_NAME_UNTRUSTED_MAX (4 * SK_NAME_PATH_MAX)

/* The safe form of a relative path with '/' between its components; a new string.
 *
 * Refused (SK_ERROR_INVALID): not UTF-8, absolute, a component "..", nothing left. Refused (SK_ERROR_LIMIT):
 * over the limits above; a name is never cut, two files could become one.
 * Removed: control, bidi and zero-width characters and whatever else cannot be seen (variation selectors stay
 * behind a kanji: they are part of people's names), components that are empty or ".", spaces at both ends,
 * dots at the end. Replaced by "_": characters that Windows has no place for, the backslash among them; a dot
 * at the start;
 * "_" is put before names of Windows' devices (CON, LPT1.txt …).
 * The rest is in Unicode's form NFC. What comes out goes through unchanged a second time.
 *
 * The string ends at its NUL: who has a length compares it with strlen() first. */
char *sk_name_sanitise (const char *untrusted_path, GError **error);

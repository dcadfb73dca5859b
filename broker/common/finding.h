/* What an inspection found, in the words of people. Static; any thread. */
#pragma once

/* In the locale's language; a word that is not known here comes back as it is. */
const char *sk_finding_text (const char *word);

/* A harness defines this one function (libFuzzer's). It returns 0 and must not keep anything. */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

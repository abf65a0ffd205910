/* ONNX files as tests have them: those in tests/golden/onnx, and loading. */
#ifndef SLUICE_TESTS_ONNX_FILES_H
#define SLUICE_TESTS_ONNX_FILES_H

#include "support/files.h"
#include "support/message.h"

/** The path of a golden file; good until the next call. */
static inline const char *onnx_path(const char *name)
{
    static char path[4096];
    const char *source = getenv("SLUICE_SOURCE");
    snprintf(path, sizeof path, "%s/tests/golden/onnx/%s.onnx", source ? source : ".", name);
    return path;
}

/** Names of which one or two are given, the others NULL. */
static inline sluice_names onnx_names(const char *lstm, const char *clip)
{
    return (sluice_names){.struct_size = sizeof(sluice_names), .lstm = lstm, .onnx_clip = clip};
}

#endif

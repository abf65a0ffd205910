#include "io/keras/keras_guess.h"
#include "base/error.h"
sluice_status sl_keras_guess(sl_keras_weights *weights, const sluice_names *names, sl_keras_version version, sl_build *build,
                             char **text, sluice_error *error)
{
    (void)names, (void)version, (void)build, (void)text;
    return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s: no config", weights->source.input.name);
}

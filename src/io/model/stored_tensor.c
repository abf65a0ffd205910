#include "io/model/stored_tensor.h"

#include "base/error.h"
#include "base/size.h"

#include <math.h>

static size_t count_of(const sl_stored_tensor *tensor)
{
    return tensor->shape[0] * (tensor->dims > 1 ? tensor->shape[1] : 1);
}

void sl_stored_tensor_put(sl_writer *writer, const sl_stored_tensor *tensor)
{
    const size_t count = tensor->values ? count_of(tensor) : 0;
    for (size_t k = 0; !writer->status && k < count; k++)
        if (!isfinite(tensor->values[k]))
            writer->status = sl_fail(writer->error, SLUICE_STATUS_BAD_DATA,
                                     "tensor \"%s\": element %zu is %s, as training has diverged; nothing was saved", tensor->name,
                                     k, isnan(tensor->values[k]) ? "NaN" : "infinite");
    sl_writer_put_tensor(writer, tensor->name, tensor->shape, tensor->dims);
}

void sl_stored_tensor_write(sl_writer *writer, const sl_stored_tensor *tensor)
{
    enum { ROOM = 1024 };
    const size_t count = count_of(tensor);
    if (tensor->values) {
        sl_writer_write(writer, tensor->values, count * sizeof(float));
        return;
    }
    float zeros[ROOM];
    for (size_t k = 0; k < ROOM; k++)
        zeros[k] = -0.0f;
    for (size_t done = 0; done < count; done += ROOM)
        sl_writer_write(writer, zeros, sl_size_min(ROOM, count - done) * sizeof(float));
}

#include "engine/schedule/unit_split.h"

#include "base/size.h"

/* The lines of a layer-direction on the axis of work, which begin at `begin`; each is as long as the terms of its products. */
typedef struct extent {
    double begin, line;
    size_t lines;
} extent;

/* The line of a layer-direction nearest to a boundary between two threads: 0 if the boundary is before it, `lines` if behind. */
static size_t line_at(const extent *layer_dir, double boundary)
{
    const double line = (boundary - layer_dir->begin) / layer_dir->line + 0.5;
    return line <= 0 ? 0 : line >= (double)layer_dir->lines ? layer_dir->lines : (size_t)line;
}

static double terms_of(const sl_packed *packed, size_t hidden)
{
    return (double)(packed->table ? 0 : packed->inputs) + (double)hidden;
}

size_t sl_unit_split(const sluice_engine *engine, size_t layer_dirs, unsigned threads, unsigned index, sl_unit_range *ranges,
                     bool *divided)
{
    const size_t blocks = sl_size_div_up(engine->shape.hidden, engine->kernel->lanes);
    const size_t line_blocks = SL_LINE_FLOATS / engine->kernel->lanes;
    double whole = 0;
    for (size_t k = 0; k < layer_dirs; k++)
        whole += terms_of(&engine->layers[k], engine->shape.hidden) * (double)sl_unit_lines(engine);

    extent layer_dir = {.lines = sl_unit_lines(engine)};
    size_t count = 0;
    unsigned boundary = 1; /* the first that is behind the begin of the layer-direction */
    *divided = false;
    for (size_t k = 0; k < layer_dirs; k++) {
        layer_dir.line = terms_of(&engine->layers[k], engine->shape.hidden);
        const size_t first = line_blocks * line_at(&layer_dir, whole * index / threads);
        const size_t last = sl_size_min(blocks, line_blocks * line_at(&layer_dir, whole * (index + 1) / threads));
        if (first < last)
            ranges[count++] = (sl_unit_range){k, first, last - first};
        const double end = layer_dir.begin + layer_dir.line * (double)layer_dir.lines;
        for (; boundary < threads && whole * boundary / threads < end; boundary++) {
            const size_t line = line_at(&layer_dir, whole * boundary / threads);
            *divided = *divided || (line > 0 && line < layer_dir.lines);
        }
        layer_dir.begin = end;
    }
    return count;
}

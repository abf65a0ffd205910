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

/* The terms of a unit's products at an iteration, each of four gates; in a projection it is one term of each output. */
static double terms_of(const sl_packed *packed)
{
    const double projected = packed->projection_width ? (double)packed->dir->h_width / SL_GATES : 0;
    return (double)(packed->table ? 0 : packed->dir->inputs) + (double)packed->dir->h_width + projected;
}

size_t sl_unit_lines_sum(const sluice_engine *engine, size_t first, size_t count)
{
    size_t lines = 0;
    for (size_t k = first; k < first + count; k++)
        lines += sl_unit_lines(&engine->layers[k]);
    return lines;
}

size_t sl_unit_split(const sluice_engine *engine, size_t first, size_t count, unsigned threads, unsigned index,
                     sl_unit_range *ranges, bool *divided)
{
    *divided = false;
    if (threads == 1) { /* short calls notice the time of the sums below */
        for (size_t k = 0; k < count; k++)
            ranges[k] = (sl_unit_range){first + k, 0, sl_size_div_up(engine->layers[first + k].dir->hidden, engine->kernel->lanes)};
        return count;
    }
    const size_t line_blocks = SL_LINE_FLOATS / engine->kernel->lanes;
    double whole = 0;
    for (size_t k = first; k < first + count; k++)
        whole += terms_of(&engine->layers[k]) * (double)sl_unit_lines(&engine->layers[k]);

    extent layer_dir = {.begin = 0};
    size_t found = 0;
    unsigned boundary = 1; /* the first that is behind the begin of the layer-direction */
    for (size_t k = first; k < first + count; k++) {
        const size_t blocks = sl_size_div_up(engine->layers[k].dir->hidden, engine->kernel->lanes);
        layer_dir.lines = sl_unit_lines(&engine->layers[k]);
        layer_dir.line = terms_of(&engine->layers[k]);
        const size_t begin = line_blocks * line_at(&layer_dir, whole * index / threads);
        const size_t end = sl_size_min(blocks, line_blocks * line_at(&layer_dir, whole * (index + 1) / threads));
        if (begin < end)
            ranges[found++] = (sl_unit_range){k, begin, end - begin};
        const double behind = layer_dir.begin + layer_dir.line * (double)layer_dir.lines;
        for (; boundary < threads && whole * boundary / threads < behind; boundary++) {
            const size_t line = line_at(&layer_dir, whole * boundary / threads);
            *divided = *divided || (line > 0 && line < layer_dir.lines);
        }
        layer_dir.begin = behind;
    }
    return found;
}

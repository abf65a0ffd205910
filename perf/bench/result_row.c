#include "perf/bench/result_row.h"

#include "perf/peers/peer.h"

#include "program/options/option_words.h"

#include <stdio.h>

/* Null for a peer with kernels of its own, where none of the library's settings applies. */
static const char *word_of(const sl_setting *setting, const char *word)
{
    return setting->gemm ? word : NULL;
}

static void fill_setting(const sl_result *result, sl_case_row *row)
{
    const sl_setting *setting = &result->setting;
    row->threads = setting->threads;
    row->isa = word_of(setting, sluice_isa_get_name(setting->isa));
    row->gemm = word_of(setting, sluice_gemm_get_name(setting->gemm));
    row->precision = sluice_precision_get_name(setting->precision);
    row->schedule = word_of(setting, sl_words_schedule(setting->measure ? SL_WORDS_MEASURE : setting->schedule));
    row->way = word_of(setting, sl_words_candidate(&result->plan, row->way_text));
    row->thread_groups = result->plan.thread_groups;
    row->threads_per_group = result->plan.threads_per_group;
    row->hoists = result->plan.hoists;
    row->wavefront = result->plan.wavefront;
}

static void fill_speed(const sl_result *result, sl_case_row *row)
{
    const sl_timing *timing = &result->timing;
    const double seconds = timing->seconds.min, peak = timing->reference.max * result->setting.threads;
    row->seconds_min = seconds;
    row->seconds_median = timing->seconds.median;
    row->spread = sl_timing_spread(timing);
    row->sequences_per_second = (double)result->shape.batch / seconds;
    row->steps_per_second = (double)result->total_steps / seconds;
    row->gflops = sl_result_flop(result) / seconds * 1e-9;
    row->peak_gflops = peak;
    row->peak_spread = sl_timing_reference_spread(timing);
    row->fraction_of_peak = peak > 0 ? row->gflops / peak : 0;
    row->repetitions = timing->repetitions;
    row->calls = timing->calls;
}

static void fill_peer(const sl_peer *peer, const sl_case *shape, sl_case_row *row)
{
    peer->describe(row->version_text, sizeof row->version_text);
    snprintf(row->peer_text, sizeof row->peer_text, "%s%s", peer->name, peer->pads && shape->ragged ? "-padded" : "");
    row->peer = row->peer_text;
    row->peer_version = row->version_text;
}

void sl_result_row_fill(const sl_result *result, sl_case_row *row)
{
    const sl_case *shape = &result->shape;
    *row = (sl_case_row){.steps = shape->steps,
                         .batch = shape->batch,
                         .input = shape->input,
                         .hidden = shape->hidden,
                         .layers = shape->layers,
                         .directions = shape->directions,
                         .network = sl_named_network_get_name(shape->network),
                         .ragged = sl_ragged_get_name(shape->ragged),
                         .train = shape->train != SL_TRAIN_NONE,
                         .pass = shape->train ? sl_train_pass_get_name(shape->train) : NULL,
                         .setup_seconds = result->setup_seconds,
                         .error = result->accuracy.error,
                         .error_rms = result->accuracy.error_rms,
                         .dependence = result->accuracy.dependence,
                         .workspace_bytes = result->workspace_bytes,
                         .tape_bytes = result->tape_bytes,
                         .total_steps = result->total_steps,
                         .seed = shape->seed};
    fill_setting(result, row);
    fill_speed(result, row);
    fill_peer(result->setting.peer ? result->setting.peer : &sl_peer_sluice, shape, row);
}

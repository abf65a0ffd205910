/* The instruction set of an engine for which the caller leaves it open. */
#ifndef SLUICE_ENGINE_SCHEDULE_ISA_FIT_H
#define SLUICE_ENGINE_SCHEDULE_ISA_FIT_H

#include "engine/environment.h"
#include "model/layer_chain.h"

/** The choice's instruction set; or, where it is open, a narrower one that computes the network in fewer cycles. */
sluice_isa sl_isa_fit(const sl_choice *choice, const sl_network *network);

#endif

#pragma once
// The host object that the SDK is given (Host of sdk/src/host.d.ts).

#include "script/worker_context.h"

namespace agentcmd::script {

// Its functions call run.port(). It must not outlive `run`.
JSObjectRef make_host(JSGlobalContextRef context, RunContext& run);

}  // namespace agentcmd::script

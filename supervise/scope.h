#pragma once
// A user may not make a cgroup where a login puts their processes, but systemd gives them a scope
// of their own for the asking.

#include "options.h"

namespace supervise {

// Goes on in a scope if that is what gives a cgroup to us: then this process becomes systemd-run
// and a new supervisor runs in the scope, with the same descriptors, and this call does not return.
// Otherwise it returns, and nothing has changed.
void enter_scope(const Options& options, int argc, char** argv);

}  // namespace supervise

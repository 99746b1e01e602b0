#pragma once
// Takes from the process what it has no use for, once JavaScriptCore is up.

namespace agentcmd::script {

// no_new_privs, and a seccomp filter for all threads: memory, threads and reading and writing what
// is open already; no file can be opened, no socket made, no program run. Throws Fault.
void seal_process();

}  // namespace agentcmd::script

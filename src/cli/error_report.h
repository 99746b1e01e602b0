#pragma once
// How every command says an error: in words on stderr, and with --json on stdout too, as one line,
// so that whoever reads stdout need not look elsewhere:
//   {"type":"error","error":{"code":"not_found","message":"no run 'r1'"}}
// `code` is the name of an ErrorCode; "fault" when the world failed (a full disk), "bug" when
// agentcmd did.

#include "base/result.h"
#include "cli/output.h"

#include <exception>
#include <string>

namespace agentcmd::cli {

void report(Output& output, const Error& error, bool json);

// What left a border. The message of a Fault is made for people; the rest is ours to mend.
void report(Output& output, const std::exception_ptr& error, bool json);

// The line on stdout, with its line break.
std::string error_line(const Error& error);

}  // namespace agentcmd::cli

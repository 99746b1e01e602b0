#pragma once
// Where an endless loop stands. JavaScriptCore knows lines of expressions that can throw only: for
// a loop without any (`for (;;) {}`) it tells the last one before, often that of the function.

#include <string>
#include <string_view>

namespace agentcmd::script {

// `line`, from 1, is what JavaScriptCore says of code that was stopped. If that line stands in no
// loop, the first loop after it in its block is meant. Blocks are told by indentation, as esbuild
// prints them.
int loop_line(std::string_view source, int line);

// The backtrace with its topmost frame moved to the loop, if that frame is the workflow's.
std::string at_loop(std::string_view source, std::string backtrace);

}  // namespace agentcmd::script

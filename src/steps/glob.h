#pragma once
// Patterns of files: * and ? within a name, ** over folders, [a-z] and [!a-z], {a,b}.

#include <string_view>

namespace agentcmd::steps {

// Whether the whole of `path` (relative, with '/') fits. A pattern with more than 1,000
// alternatives fits nothing.
bool matches_glob(std::string_view pattern, std::string_view path);

}  // namespace agentcmd::steps

#pragma once
// "Did you mean": the word of a list that a mistyped one is closest to.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcmd {

// Nothing when none is close enough to be what was meant.
std::optional<std::string> closest(std::string_view word,
                                   const std::vector<std::string>& candidates);

// " Did you mean 'feature'?", or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// " Did you mean 'feature' or 'features'?", or empty: up to three, those that contain the word or
// are a part of it too.
std::string did_you_mean_one_of(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace agentcmd

#pragma once
// How lines for people look: colours, signs and width, chosen once for the stream they go to.

#include <cstddef>
#include <string>
#include <string_view>

namespace agentcmd::cli {

enum class Tint { plain, bold, dim, red, green, yellow, cyan };
enum class Sign { phase, step, ok, bad, warn, again, stopped, bar, note, asks };

struct Style {
  bool color = false;
  bool unicode = true;
  // A line below the others shows what runs, so that a step needs none when it begins.
  bool live = false;
  std::size_t width = 80;

  std::string paint(Tint tint, std::string_view text) const;
  std::string_view sign(Sign sign) const;
};

}  // namespace agentcmd::cli

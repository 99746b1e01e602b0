#include "git/remote_url.h"

#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace agentcmd::git {
namespace {

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lowered;
}

// Branch names keep their slashes in the address of a comparison.
std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").contains(c);
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::optional<RemoteAddress> address(std::string_view authority, std::string_view path) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  if (const auto colon = authority.rfind(':'); colon != std::string_view::npos) {
    authority = authority.substr(0, colon);
  }
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.ends_with(".git")) path.remove_suffix(4);
  if (authority.empty() || path.empty()) return std::nullopt;
  return RemoteAddress{lower(authority), std::string(path)};
}

bool is_github(std::string_view host) {
  return host == "github.com" || host == "www.github.com" || host == "ssh.github.com" ||
         host.starts_with("github.") || host.ends_with(".ghe.com");
}

}  // namespace

std::optional<RemoteAddress> parse_remote_url(std::string_view url) {
  url = trim(url);
  constexpr std::array schemes{"https", "http", "ssh", "git", "git+ssh"};
  if (const auto end = url.find("://"); end != std::string_view::npos) {
    if (std::ranges::find(schemes, lower(url.substr(0, end))) == schemes.end()) return std::nullopt;
    const auto rest = url.substr(end + 3);
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    return address(rest.substr(0, slash), rest.substr(slash));
  }
  // The short form of ssh: a colon before the first slash. Anything else is a folder.
  const auto colon = url.find(':');
  if (colon == std::string_view::npos || url.substr(0, colon).contains('/')) return std::nullopt;
  return address(url.substr(0, colon), url.substr(colon + 1));
}

std::optional<std::string> compare_url(std::string_view remote_url, std::string_view base,
                                       std::string_view head) {
  const auto remote = parse_remote_url(remote_url);
  if (!remote || !is_github(remote->host)) return std::nullopt;
  const bool alias = remote->host == "ssh.github.com" || remote->host == "www.github.com";
  return fmt::format("https://{}/{}/compare/{}...{}?expand=1", alias ? "github.com" : remote->host,
                     remote->path, percent_encoded(base), percent_encoded(head));
}

}  // namespace agentcmd::git

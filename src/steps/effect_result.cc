#include "steps/effect_result.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace agentcmd::steps {
namespace {

// libuv's words, which scripts and people know from Node.
struct Wording {
  int number;
  std::string_view text;
};
constexpr std::array wordings{
    Wording{ENOENT, "no such file or directory"},
    Wording{EACCES, "permission denied"},
    Wording{EEXIST, "file already exists"},
    Wording{ENOTDIR, "not a directory"},
    Wording{EISDIR, "illegal operation on a directory"},
    Wording{ENOTEMPTY, "directory not empty"},
    Wording{EPERM, "operation not permitted"},
    Wording{EINVAL, "invalid argument"},
    Wording{ENOSPC, "no space left on device"},
    Wording{EROFS, "read-only file system"},
    Wording{ELOOP, "too many symbolic links encountered"},
    Wording{ENAMETOOLONG, "name too long"},
    Wording{EXDEV, "cross-device link not permitted"},
    Wording{EBUSY, "resource busy or locked"},
    Wording{EMFILE, "too many open files"},
    Wording{ETXTBSY, "text file is busy"},
};

std::string wording_of(int number) {
  for (const auto& row : wordings) {
    if (row.number == number) return std::string(row.text);
  }
  return ::strerrordesc_np(number);
}

}  // namespace

tl::unexpected<EffectError> system_error(int number, std::string syscall, std::string path,
                                         std::string dest) {
  EffectError error;
  error.code = ::strerrorname_np(number);
  error.number = number;
  error.message = fmt::format("{}: {}, {}", error.code, wording_of(number), syscall);
  if (!path.empty()) error.message += fmt::format(" '{}'", path);
  if (!dest.empty()) error.message += fmt::format(" -> '{}'", dest);
  error.syscall = std::move(syscall);
  error.path = std::move(path);
  error.dest = std::move(dest);
  return tl::unexpected(std::move(error));
}

tl::unexpected<EffectError> coded_error(std::string code, std::string message, std::string syscall,
                                        std::string path) {
  EffectError error;
  error.code = std::move(code);
  error.message = std::move(message);
  error.syscall = std::move(syscall);
  error.path = std::move(path);
  return tl::unexpected(std::move(error));
}

Json to_json(const EffectError& error) {
  Json json{{"name", error.name}, {"message", error.message}};
  if (!error.code.empty()) json["code"] = error.code;
  if (error.number != 0) json["errno"] = -error.number;
  if (!error.syscall.empty()) json["syscall"] = error.syscall;
  if (!error.path.empty()) json["path"] = error.path;
  if (!error.dest.empty()) json["dest"] = error.dest;
  return json;
}

}  // namespace agentcmd::steps

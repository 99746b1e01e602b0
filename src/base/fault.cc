#include "base/fault.h"

#include <cerrno>
#include <cstring>

namespace agentcmd {
namespace {

std::string_view way_out(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return ". Free some space, then try again; nothing recorded is lost";
    case EROFS:
      return ". The file system is mounted read-only";
    case EACCES:
    case EPERM:
      return ". Check the owner and the permissions";
    case EMFILE:
    case ENFILE:
      return ". Raise the limit of open files (ulimit -n)";
    default:
      return "";
  }
}

}  // namespace

void throw_errno(std::string_view doing, int error_number) {
  std::string message(doing);
  message += ": ";
  message += std::strerror(error_number);
  message += way_out(error_number);
  throw Fault(message);
}

}  // namespace agentcmd

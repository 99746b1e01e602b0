// os.info: what node:os tells of the machine.

#include "base/text.h"
#include "steps/effect_result.h"

#include <pwd.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bit>
#include <fstream>

namespace agentcmd::steps {
namespace {

std::string variable(const RunContext& run, const std::string& name, std::string otherwise) {
  const auto found = run.env.find(name);
  return found == run.env.end() || found->second.empty() ? std::move(otherwise) : found->second;
}

// Node's names of architectures.
std::string node_arch(const std::string& machine) {
  if (machine == "x86_64") return "x64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

Json processors() {
  Json list = Json::array();
  std::ifstream in("/proc/cpuinfo");
  std::string model = "unknown";
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    const auto key = trim(std::string_view(line).substr(0, colon));
    const std::string value(trim(std::string_view(line).substr(colon + 1)));
    if (key == "model name") model = value;
    if (key == "processor") list.push_back({{"model", model}, {"speed", 0}});
    if (key == "cpu MHz" && !list.empty()) {
      list.back()["model"] = model;
      list.back()["speed"] = static_cast<int>(std::strtod(value.c_str(), nullptr));
    }
  }
  return list;
}

double available_memory(const struct sysinfo& info) {
  std::ifstream in("/proc/meminfo");
  for (std::string key, unit; in >> key;) {
    double kib = 0;
    in >> kib;
    std::getline(in, unit);
    if (key == "MemAvailable:") return kib * 1024;
  }
  return static_cast<double>(info.freeram) * info.mem_unit;
}

}  // namespace

Json describe_machine(const RunContext& run) {
  utsname system{};
  ::uname(&system);
  struct sysinfo info{};
  ::sysinfo(&info);
  constexpr double load_unit = 1 << SI_LOAD_SHIFT;
  const auto load = [&info](int i) { return static_cast<double>(info.loads[i]) / load_unit; };
  const passwd* user = ::getpwuid(::getuid());
  const std::string home = user != nullptr ? user->pw_dir : "/";
  return {{"platform", "linux"},
          {"type", system.sysname},
          {"release", system.release},
          {"version", system.version},
          {"arch", node_arch(system.machine)},
          {"machine", system.machine},
          {"hostname", system.nodename},
          {"homedir", variable(run, "HOME", home)},
          {"tmpdir", variable(run, "TMPDIR", "/tmp")},
          {"username", user != nullptr ? user->pw_name : variable(run, "USER", "unknown")},
          {"shell", user != nullptr ? user->pw_shell : "/bin/sh"},
          {"uid", ::getuid()},
          {"gid", ::getgid()},
          {"endianness", std::endian::native == std::endian::little ? "LE" : "BE"},
          {"cpus", processors()},
          {"totalmem", static_cast<double>(info.totalram) * info.mem_unit},
          {"freemem", available_memory(info)},
          {"uptime", info.uptime},
          {"loadavg", {load(0), load(1), load(2)}}};
}

}  // namespace agentcmd::steps

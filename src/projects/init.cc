#include "projects/init.h"

#include "base/fault.h"
#include "base/text.h"
#include "projects/project.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

namespace agentcmd::projects {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view sample =
    R"(import { defineSchema, defineWorkflow } from "agentcmd-workflows";

const argsSchema = defineSchema({
  type: "object",
  properties: { name: { type: "string", default: "world" } },
});

// Run it: agentcmd run hello --arg name=Ada
export default defineWorkflow(
  { id: "hello", name: "Hello", phases: ["greet", "inspect"], argsSchema },
  async ({ event, step }) => {
    await step.phase("greet", async () => {
      await step.cli("say-hello", { command: `echo "Hello, $NAME"`, env: { NAME: event.data.args.name } });
    });
    return await step.phase("inspect", async () => {
      const listing = await step.cli("list-files", { command: "ls | head -5" });
      return { greeted: event.data.args.name, files: listing.data.stdout.split("\n") };
    });
  },
);
)";

constexpr std::string_view tsconfig = R"({
  "compilerOptions": {
    "target": "ES2022",
    "lib": ["ES2023"],
    "module": "ESNext",
    "moduleResolution": "Bundler",
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true,
    "types": [],
    "paths": { "agentcmd-workflows": ["./types/agentcmd-workflows/index.d.ts"] }
  },
  "include": ["workflows/definitions/**/*", "types/**/*"]
}
)";

constexpr std::array<std::string_view, 2> ignored{".agent/workflows/executions/", ".worktrees/"};

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_errno(fmt::format("creating the folder {}", folder.string()), error.value());
}

void write_file(const fs::path& file, std::string_view text) {
  make_folder(file.parent_path());
  errno = 0;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) throw_errno(fmt::format("writing {}", file.string()), errno);
}

class Init {
 public:
  explicit Init(fs::path project) { result_.project = std::move(project); }

  void create(const fs::path& relative, std::string_view text) {
    const auto file = result_.project / relative;
    std::error_code error;
    if (fs::exists(fs::symlink_status(file, error))) return keep(relative);
    write_file(file, text);
    result_.created.push_back(relative.string());
  }

  // Adds the lines that are missing.
  void ignore(const fs::path& relative) {
    const auto file = result_.project / relative;
    const bool is_new = !fs::exists(file);
    auto text = read_file(file);
    std::string added;
    for (const auto line : ignored) {
      const auto lines = split(text, '\n');
      const bool there = std::ranges::any_of(lines, [&](const std::string& one) {
        const auto rule = trim(one);
        return rule == line || rule == line.substr(0, line.size() - 1) ||
               rule == "/" + std::string(line);
      });
      if (!there) added += std::string(line) + "\n";
    }
    if (added.empty()) return keep(relative);
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    write_file(file, text + added);
    (is_new ? result_.created : result_.updated).push_back(relative.string());
  }

  void keep(const fs::path& relative) { result_.kept.push_back(relative.string()); }

  InitResult take() { return std::move(result_); }

 private:
  InitResult result_;
};

bool has_definitions(const fs::path& project) {
  std::error_code error;
  const auto folder = project / definitions_folder();
  return fs::exists(folder, error) && !fs::is_empty(folder, error);
}

void copy_types(Init& init, const fs::path& types) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator walk(types, error), end; !error && walk != end;
       walk.increment(error)) {
    if (walk->path().string().ends_with(".d.ts")) files.push_back(walk->path());
  }
  if (files.empty()) {
    throw Fault(fmt::format("the SDK's types are missing in {}: the installation is not complete",
                            types.string()));
  }
  std::ranges::sort(files);
  const auto target = fs::path(".agent") / "types" / "agentcmd-workflows";
  for (const auto& file : files) init.create(target / file.filename(), read_file(file));
}

}  // namespace

Result<InitResult> init_project(const fs::path& folder, const fs::path& libexec) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_directory(folder, error)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("'{}' is a file; a project is a folder", folder.string()));
  }
  make_folder(folder);
  Init init(fs::canonical(folder));
  // A project that has definitions needs no sample.
  const auto sample_file = definitions_folder() / "hello.ts";
  if (!has_definitions(fs::canonical(folder)) || fs::exists(folder / sample_file, error)) {
    init.create(sample_file, sample);
  } else {
    init.keep(definitions_folder());
  }
  init.create(fs::path(".agent") / "tsconfig.json", tsconfig);
  copy_types(init, libexec / "types");
  init.ignore(".gitignore");
  return init.take();
}

}  // namespace agentcmd::projects

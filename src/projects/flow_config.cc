#include "projects/flow_config.h"

#include "base/text.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace agentcmd::projects {
namespace {

auto wrong(const std::string& definition, std::string_view what) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("the definition '{}': {}", definition, what));
}

const Json* find_path(const Json& args, std::string_view path) {
  const Json* at = &args;
  for (const auto prefix : {"event.data.args.", "args."}) {
    if (path.starts_with(prefix)) {
      path.remove_prefix(std::string_view(prefix).size());
      break;
    }
  }
  while (true) {
    const auto dot = path.find('.');
    if (!at->is_object()) return nullptr;
    const auto found = at->find(path.substr(0, dot));
    if (found == at->end() || found->is_null()) return nullptr;
    at = &*found;
    if (dot == std::string_view::npos) return at;
    path.remove_prefix(dot + 1);
  }
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : to_text(value);
}

struct KeyText {
  std::string text;
  bool is_whole = true;  // every part is there
};

KeyText fill_in(const std::string& key, const Json& args) {
  KeyText out;
  const auto add = [&](std::string_view path) {
    const auto* value = find_path(args, path);
    out.text += value == nullptr ? "null" : text_of(*value);
    out.is_whole = out.is_whole && value != nullptr;
  };
  if (!key.contains('{')) {
    add(key);
    return out;
  }
  std::size_t at = 0;
  while (at < key.size()) {
    const auto open = key.find('{', at);
    const auto close = open == std::string::npos ? open : key.find('}', open);
    if (close == std::string::npos) break;
    out.text += key.substr(at, open - at);
    add(trim(std::string_view(key).substr(open + 1, close - open - 1)));
    at = close + 1;
  }
  out.text += key.substr(at);
  return out;
}

bool is_key(const Json& value) {
  return value.is_string() && !value.get<std::string>().empty();
}

class Terms {
 public:
  Terms(const std::filesystem::path& project, const std::string& definition, const Json& config,
        const Json& args)
      : project_(project), definition_(definition), config_(config), args_(args) {}

  Result<FlowTerms> make() {
    for (const auto step : {&Terms::add_concurrency, &Terms::add_singleton, &Terms::add_idempotency,
                            &Terms::add_priority}) {
      if (auto added = (this->*step)(); !added) return tl::unexpected(added.error());
    }
    return std::move(terms_);
  }

 private:
  // Null where it is not declared.
  const Json* declared(std::string_view name) const {
    const auto found = config_.find(name);
    const bool is_there = found != config_.end() && !found->is_null() && *found != false;
    return is_there ? &*found : nullptr;
  }

  // The key of a group, as text for its id and for people.
  Result<std::optional<std::string>> key_in(const Json& object, std::string_view of) const {
    if (!object.is_object() || !object.contains("key") || object["key"].is_null()) {
      return std::optional<std::string>();
    }
    if (!is_key(object["key"])) {
      return wrong(definition_, fmt::format("{}.key must be a path into its arguments", of));
    }
    return std::optional(fill_in(object["key"].get<std::string>(), args_).text);
  }

  history::FlowGroup group(std::string_view kind, const std::optional<std::string>& key,
                           std::uint32_t limit) const {
    // JSON tells apart what a separator might not.
    return {.id = to_text({kind, project_.string(), definition_, key ? Json(*key) : Json()}),
            .label = key ? fmt::format("runs of '{}' with key '{}'", definition_,
                                       ellipsis(*key, label_bytes_max))
                         : fmt::format("runs of '{}'", definition_),
            .limit = limit};
  }

  Result<void> add_concurrency() {
    const auto* concurrency = declared("concurrency");
    if (concurrency == nullptr) return {};
    const Json* limit = concurrency;
    if (concurrency->is_object()) {
      const auto found = concurrency->find("limit");
      limit = found == concurrency->end() ? nullptr : &*found;
    }
    constexpr auto most = std::numeric_limits<std::int32_t>::max();
    const bool fits = limit != nullptr && limit->is_number_integer() &&
                      limit->get<std::int64_t>() >= 1 && limit->get<std::int64_t>() <= most;
    if (!fits) {
      return wrong(definition_, "concurrency must be a whole number from 1, or {limit, key?}");
    }
    const auto key = key_in(*concurrency, "concurrency");
    if (!key) return tl::unexpected(key.error());
    terms_.flow.groups.push_back(group("concurrency", *key, limit->get<std::uint32_t>()));
    return {};
  }

  Result<void> add_singleton() {
    const auto* singleton = declared("singleton");
    if (singleton == nullptr) return {};
    const bool fits = *singleton == true || singleton->is_object();
    const auto mode = singleton->is_object() ? string_or(*singleton, "mode", "skip") : "skip";
    if (!fits || (mode != "skip" && mode != "queue" && mode != "cancel-old")) {
      return wrong(definition_,
                   "singleton must be true, or {key?, mode?: \"skip\" | \"queue\" | "
                   "\"cancel-old\"}");
    }
    const auto key = key_in(*singleton, "singleton");
    if (!key) return tl::unexpected(key.error());
    auto one = group("singleton", *key, 1);
    if (mode == "skip") terms_.policy.refuse_if.push_back(one.id);
    if (mode == "cancel-old") terms_.policy.cancel.push_back(one.id);
    terms_.flow.groups.push_back(std::move(one));
    return {};
  }

  Result<void> add_idempotency() {
    const auto* key = declared("idempotency");
    if (key == nullptr) return {};
    if (!is_key(*key)) {
      return wrong(definition_, "idempotency must be a path into its arguments");
    }
    const auto filled = evaluate_key(key->get<std::string>(), args_);
    if (!filled) return {};
    terms_.policy.causes.push_back({.text = "key " + *filled, .can_be_repeated = true});
    return {};
  }

  Result<void> add_priority() {
    const auto* priority = declared("priority");
    if (priority == nullptr) return {};
    constexpr std::int64_t most = 1'000'000;
    const bool fits = priority->is_number_integer() && priority->get<std::int64_t>() >= -most &&
                      priority->get<std::int64_t>() <= most;
    if (!fits) return wrong(definition_, "priority must be a whole number");
    terms_.flow.priority = priority->get<std::int32_t>();
    return {};
  }

  static constexpr std::size_t label_bytes_max = 80;

  const std::filesystem::path& project_;
  const std::string& definition_;
  const Json& config_;
  const Json& args_;
  FlowTerms terms_;
};

}  // namespace

std::optional<std::string> evaluate_key(const std::string& key, const Json& args) {
  auto filled = fill_in(key, args);
  if (!filled.is_whole) return std::nullopt;
  return std::move(filled.text);
}

Result<FlowTerms> flow_terms(const std::filesystem::path& project, const std::string& definition,
                             const JsonText& config, const JsonText& args) {
  const auto declared =
      parse_trusted(config.text.empty() ? "{}" : config.text, "a definition's config");
  const auto values = parse_trusted(args.text, "arguments");
  return Terms(project, definition, declared, values).make();
}

}  // namespace agentcmd::projects

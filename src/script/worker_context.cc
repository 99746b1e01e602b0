#include "script/worker_context.h"

#include "base/fault.h"
#include "script/loop_line.h"
#include "script/worker_host.h"

#include <fmt/format.h>

namespace agentcmd::script {
namespace {

// The text before the code stands on a line of its own: see wrapper_lines.
constexpr std::string_view wrapper_begin =
    "(function (exports, require, module, __filename, __dirname) {\n";
constexpr std::string_view wrapper_end = "\n})";

std::string wrapped(const std::string& source) {
  std::string text;
  text.reserve(wrapper_begin.size() + source.size() + wrapper_end.size());
  text += wrapper_begin;
  text += source;
  text += wrapper_end;
  return text;
}

constexpr std::array method_names{"load",         "describe",       "deliver",    "settle",
                                  "beginClosure", "effectAnswered", "usePatches", "query"};

void remove_global(JSGlobalContextRef context, const char* name) {
  const JsString key(name);
  JSObjectDeleteProperty(context, JSContextGetGlobalObject(context), key.get(), nullptr);
}

// What workflow code can reach of the SDK's context through the SDK's functions and objects:
// changed by one run, it would be changed for all.
constexpr std::string_view freeze_intrinsics = R"((function () {
  const found = [Object, Function, Array, Promise, Map, Set, WeakMap, WeakSet, RegExp, Symbol, String, Number, Boolean,
    Error, Iterator, (async () => {}).constructor, (function* () {}).constructor, (async function* () {}).constructor];
  for (const intrinsic of found) {
    for (const object of [intrinsic, intrinsic.prototype]) if (object) Object.freeze(object);
  }
})())";

JSValueRef evaluate(JSContextRef context, const JsScript& script) {
  JSValueRef exception = nullptr;
  JSValueRef value = JSScriptEvaluate(context, script.get(), nullptr, &exception);
  if (exception != nullptr) {
    throw Fault("sdk.js cannot be evaluated: " + to_utf8(context, exception));
  }
  return value;
}

JSObjectRef as_function(JSContextRef context, JSValueRef value) {
  if (value == nullptr || !JSValueIsObject(context, value)) return nullptr;
  JSObjectRef object = JSValueToObject(context, value, nullptr);
  return object != nullptr && JSObjectIsFunction(context, object) ? object : nullptr;
}

}  // namespace

Code::Code(JSContextGroupRef group, std::string file, std::string source, std::string map)
    : file_(std::move(file)),
      source_(std::move(source)),
      map_text_(std::move(map)),
      script_(group, workflow_source, wrapped(source_), error_) {}

const SourceMap& Code::map() {
  if (!map_) map_.emplace(map_text_);
  return *map_;
}

JSGlobalContextRef make_bare_context(JSContextGroupRef group) {
  const auto context = JSGlobalContextCreateInGroup(group, nullptr);
  // Strings are not run as code, and nothing tells when memory is collected.
  const JsString refused(
      "code from strings (eval, new Function) is not available in workflow code");
  JSGlobalContextSetEvalEnabled(context, false, refused.get());
  for (const char* name : {"WebAssembly", "SharedArrayBuffer", "WeakRef", "FinalizationRegistry"}) {
    remove_global(context, name);
  }
  return context;
}

void load_sdk(Vm& vm, const std::string& source) {
  std::string error;
  const JsScript script(vm.group, sdk_source, source, error);
  if (!error.empty()) throw Fault("sdk.js cannot be parsed: " + error);
  vm.sdk_context = make_bare_context(vm.group);
  vm.create_sdk = as_function(vm.sdk_context, evaluate(vm.sdk_context, script));
  if (vm.create_sdk == nullptr) throw Fault("sdk.js does not give a function");
  JSValueProtect(vm.sdk_context, vm.create_sdk);
  const JsScript freeze(vm.group, "agentcmd:freeze", std::string(freeze_intrinsics), error);
  evaluate(vm.sdk_context, freeze);
}

RunContext::RunContext(Vm& vm, JSGlobalContextRef context, ContextPort& port)
    : vm_(vm), context_(context), port_(port) {
  make_sdk();
}

RunContext::~RunContext() {
  dead_ = true;
  // The global object keeps its callback alive, and a function of the run's own SDK would keep the
  // global object: neither would ever be collected.
  JSGlobalContextSetUnhandledRejectionCallback(context_, vm_.create_sdk, nullptr);
  if (sdk_ != nullptr) JSValueUnprotect(context_, sdk_);
  JSGlobalContextRelease(context_);
}

void RunContext::make_sdk() {
  host_ = make_host(context_, *this);
  const std::array<JSValueRef, 2> arguments{host_, JSContextGetGlobalObject(context_)};
  JSValueRef exception = nullptr;
  JSValueRef value = JSObjectCallAsFunction(vm_.sdk_context, vm_.create_sdk, nullptr,
                                            arguments.size(), arguments.data(), &exception);
  if (exception != nullptr) throw Fault("createSdk failed: " + to_utf8(context_, exception));
  if (!JSValueIsObject(context_, value)) throw Fault("createSdk gave no object");
  sdk_ = JSValueToObject(context_, value, nullptr);
  JSValueProtect(context_, sdk_);
  for (std::size_t i = 0; i < method_names.size(); ++i) {
    methods_[i] = as_function(context_, get_property(context_, sdk_, method_names[i]));
    if (methods_[i] == nullptr) {
      throw Fault(fmt::format("the SDK has no function '{}'", method_names[i]));
    }
  }
  const auto rejected = as_function(context_, get_property(context_, sdk_, "rejected"));
  if (rejected == nullptr) throw Fault("the SDK has no function 'rejected'");
  JSGlobalContextSetUnhandledRejectionCallback(context_, rejected, nullptr);
}

template <typename Call>
JSValueRef RunContext::guarded(Call call) {
  JSValueRef exception = nullptr;
  vm_.watchdog->enter();
  JSValueRef value = call(&exception);
  if (auto stop = vm_.watchdog->leave()) {
    abandon();
    if (stop->reason == "time") {
      stop->backtrace = at_loop(code_->source(), std::move(stop->backtrace));
    }
    throw CodeStopped{std::move(stop->reason), std::move(stop->message),
                      map_stack(code_->map(), stop->backtrace)};
  }
  if (exception != nullptr) throw describe_exception(exception);
  return value;
}

JSValueRef RunContext::invoke(Method method, std::initializer_list<JSValueRef> arguments) {
  return guarded([&](JSValueRef* exception) {
    return JSObjectCallAsFunction(context_, methods_[method], sdk_, arguments.size(),
                                  std::data(arguments), exception);
  });
}

JSValueRef RunContext::invoke_trusted(Method method, std::initializer_list<JSValueRef> arguments) {
  try {
    return invoke(method, arguments);
  } catch (const CodeThrew& thrown) {
    abandon();
    throw CodeStopped{"error",
                      fmt::format("agentcmd's own code failed in '{}': {}: {}. This is a defect of "
                                  "agentcmd, not of the workflow.",
                                  method_names[method], thrown.name, thrown.message),
                      thrown.stack};
  }
}

// Getters may be the user's, so they run under the watchdog, too.
CodeThrew RunContext::describe_exception(JSValueRef exception) {
  CodeThrew thrown{.name = "Error"};
  std::string stack;
  vm_.watchdog->enter();
  if (JSValueIsObject(context_, exception)) {
    JSObjectRef object = JSValueToObject(context_, exception, nullptr);
    thrown.name = to_utf8(context_, get_property(context_, object, "name"));
    thrown.message = to_utf8(context_, get_property(context_, object, "message"));
    stack = to_utf8(context_, get_property(context_, object, "stack"));
  } else {
    thrown.message = to_utf8(context_, exception);
  }
  if (auto stop = vm_.watchdog->leave()) {
    abandon();
    throw CodeStopped{std::move(stop->reason), std::move(stop->message), {}};
  }
  const auto frames = map_frames(code_->map(), stack);
  if (!frames.empty()) thrown.place = frames.front().place;
  thrown.stack = map_stack(code_->map(), stack);
  return thrown;
}

// What the stopped code has left in the promise queue is run (and stopped) now, while its host
// functions do nothing: later it would be run on the account of another run.
void RunContext::abandon() {
  constexpr int rounds_max = 20;
  dead_ = true;
  const JsString nothing("0");
  for (int round = 0; round < rounds_max; ++round) {
    vm_.watchdog->enter_dead();
    JSEvaluateScript(context_, nothing.get(), nullptr, nullptr, 1, nullptr);
    if (!vm_.watchdog->leave_dead()) return;
  }
  throw Fault("code that was stopped cannot be got rid of");
}

void RunContext::use(Code& code) {
  code_ = &code;
  const JsString name("file");
  JSObjectSetProperty(context_, host_, name.get(), make_string(context_, code.file()),
                      kJSPropertyAttributeReadOnly | kJSPropertyAttributeDontDelete, nullptr);
}

void RunContext::load() {
  if (!code_->error().empty()) {
    throw CodeThrew{.name = "SyntaxError", .message = code_->error(), .stack = {}, .place = {}};
  }
  JSValueRef function = guarded([&](JSValueRef* exception) {
    return JSScriptEvaluate(context_, code_->script(), nullptr, exception);
  });
  invoke(m_load, {function});
}

std::string RunContext::describe() {
  return to_utf8(context_, invoke(m_describe, {}));
}

void RunContext::deliver(const std::string& job, Replaying replaying) {
  invoke_trusted(m_deliver,
                 {make_string(context_, job), JSValueMakeBoolean(context_, replaying.replaying),
                  JSValueMakeBoolean(context_, replaying.locating)});
}

void RunContext::settle(std::int64_t at, const std::string& key, const std::string& output) {
  invoke_trusted(m_settle, {JSValueMakeNumber(context_, static_cast<double>(at)),
                            make_string(context_, key), make_string(context_, output)});
}

void RunContext::begin_closure(const std::string& key) {
  invoke_trusted(m_begin, {make_string(context_, key)});
}

void RunContext::effect_answered(std::uint32_t id, bool ok, const std::string& json) {
  invoke_trusted(m_answered, {JSValueMakeNumber(context_, id), JSValueMakeBoolean(context_, ok),
                              make_string(context_, json)});
}

void RunContext::use_patches(const std::string& ids) {
  invoke_trusted(m_use_patches, {make_string(context_, ids)});
}

std::string RunContext::query(const std::string& name, const std::string& args) {
  return to_utf8(context_, invoke_trusted(m_query, {make_string(context_, name),
                                                    make_string(context_, args)}));
}

std::string RunContext::apply_to_source(JSScriptRef function) {
  JSObjectRef callable =
      as_function(context_, guarded([&](JSValueRef* exception) {
                    return JSScriptEvaluate(context_, function, nullptr, exception);
                  }));
  if (callable == nullptr) throw Fault("analyze.js does not give a function");
  JSValueRef source = make_string(context_, code_->source());
  return to_utf8(context_, guarded([&](JSValueRef* exception) {
                   return JSObjectCallAsFunction(context_, callable, nullptr, 1, &source,
                                                 exception);
                 }));
}

}  // namespace agentcmd::script

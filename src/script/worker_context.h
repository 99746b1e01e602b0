#pragma once
// One run's code in its own JavaScript context, and the border of sdk/src/host.d.ts. Every method
// that calls into it is an outermost call: the promise queue is drained when it returns.

#include "script/jsc.h"
#include "script/source_map.h"
#include "script/worker_watchdog.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::script {

// A bundle as the worker keeps it.
class Code {
 public:
  Code(JSContextGroupRef group, std::string file, std::string source, std::string map);
  const std::string& file() const { return file_; }
  const std::string& source() const { return source_; }
  JSScriptRef script() const { return script_.get(); }
  const std::string& error() const { return error_; }  // not empty: it is not JavaScript
  const SourceMap& map();

 private:
  std::string file_;
  std::string source_;
  std::string map_text_;
  std::string error_;
  JsScript script_;
  std::optional<SourceMap> map_;  // decoded when the first stack is to be told
};

// What the code threw; the stack is mapped.
struct CodeThrew {
  std::string name;
  std::string message;
  std::string stack;
  std::optional<Place> place;  // of the topmost frame in the user's code
};

// The watchdog ended the code, or the SDK failed ("error"). The context can't be used any more.
struct CodeStopped {
  std::string reason;
  std::string message;
  std::string stack;  // mapped
};

struct EffectRequest {
  std::string key;
  std::uint32_t attempt = 1;
  std::uint32_t id = 0;  // of the SDK; 0 in synchronous ones
  std::string name;
  std::string args;
};

// How a job is delivered: `replaying`, its commands are recorded already; `locating`, they say
// where the code asked for them.
struct Replaying {
  bool replaying = false;
  bool locating = false;
};

// What a context's code asks of the worker program, while it runs.
class ContextPort {
 public:
  virtual ~ContextPort() = default;
  ContextPort(const ContextPort&) = delete;
  ContextPort& operator=(const ContextPort&) = delete;
  // `closure`: key of the step whose closure may begin; else empty.
  virtual void command(std::string_view json, std::string closure) = 0;
  virtual void closure_ended(std::string_view json) = 0;
  virtual void effect(EffectRequest request) = 0;
  // Blocks; the JSON text of {"ok": value} or {"error": …}.
  virtual std::string effect_sync(EffectRequest request) = 0;

 protected:
  ContextPort() = default;
};

// The VM and the scripts that all contexts share.
struct Vm {
  JSContextGroupRef group = nullptr;
  Watchdog* watchdog = nullptr;
  // The SDK's own context, and the function in it that makes the SDK of a run.
  JSGlobalContextRef sdk_context = nullptr;
  JSObjectRef create_sdk = nullptr;
};

// Evaluates sdk.js for all runs. Throws Fault when it does not give a function.
void load_sdk(Vm& vm, const std::string& source);

// A context in which nothing was evaluated.
JSGlobalContextRef make_bare_context(JSContextGroupRef group);

class RunContext {
 public:
  // Takes the context over. Ready for any code: what is the same for all of it is done here.
  RunContext(Vm& vm, JSGlobalContextRef context, ContextPort& port);
  ~RunContext();
  RunContext(const RunContext&) = delete;
  RunContext& operator=(const RunContext&) = delete;

  // The code that the context is for, before anything below. It outlives the context.
  void use(Code& code);

  // These throw CodeThrew or CodeStopped.
  void load();
  std::string describe();
  // These throw CodeStopped; an exception that leaves the SDK is one, too ("error").
  void deliver(const std::string& job, Replaying replaying);
  void settle(std::int64_t at, const std::string& key, const std::string& output);
  void begin_closure(const std::string& key);
  void effect_answered(std::uint32_t id, bool ok, const std::string& json);
  // `ids`: JSON text of those that the history marks; before the jobs of a replay.
  void use_patches(const std::string& ids);
  // JSON text: {"ok": JSON text} or {"error": failure}.
  std::string query(const std::string& name, const std::string& args);

  // Evaluates a script that is a function of one text, and calls it. Throws as load() does.
  std::string apply_to_source(JSScriptRef function);

  Code& code() { return *code_; }
  ContextPort& port() { return port_; }
  // Host functions of a context that was stopped do nothing.
  bool dead() const { return dead_; }

 private:
  enum Method {
    m_load,
    m_describe,
    m_deliver,
    m_settle,
    m_begin,
    m_answered,
    m_use_patches,
    m_query,
    method_count
  };

  void make_sdk();
  template <typename Call>
  JSValueRef guarded(Call call);
  JSValueRef invoke(Method method, std::initializer_list<JSValueRef> arguments);
  JSValueRef invoke_trusted(Method method, std::initializer_list<JSValueRef> arguments);
  CodeThrew describe_exception(JSValueRef exception);
  void abandon();

  Vm& vm_;
  JSGlobalContextRef context_;
  Code* code_ = nullptr;
  ContextPort& port_;
  JSObjectRef host_ = nullptr;  // kept by the SDK
  JSObjectRef sdk_ = nullptr;
  std::array<JSObjectRef, method_count> methods_{};
  bool dead_ = false;
};

}  // namespace agentcmd::script

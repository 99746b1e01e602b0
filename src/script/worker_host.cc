#include "script/worker_host.h"

#include "script/worker_crypto.h"

#include <chrono>
#include <exception>
#include <span>

namespace agentcmd::script {
namespace {

// The arguments of a call from JavaScript. What does not fit is an Error in JavaScript: only the
// SDK calls these functions.
class Arguments {
 public:
  Arguments(JSContextRef context, std::size_t count, const JSValueRef* values)
      : context_(context), values_(values, count) {}

  std::string text(std::size_t index) const { return to_utf8(context_, at(index)); }
  std::uint32_t number(std::size_t index) const {
    return JSValueToUInt32(context_, at(index), nullptr);
  }
  bool has(std::size_t index) const {
    return index < values_.size() && !JSValueIsUndefined(context_, values_[index]);
  }
  std::string bytes(std::size_t index) const {
    JSStringRef raw = JSValueToStringCopy(context_, at(index), nullptr);
    if (raw == nullptr) throw std::invalid_argument("bytes expected");
    const JsString characters(raw);
    std::string out;
    if (!to_latin1(characters.get(), out)) throw std::invalid_argument("a character is no byte");
    return out;
  }

 private:
  JSValueRef at(std::size_t index) const {
    if (index >= values_.size())
      throw std::invalid_argument("too few arguments for a host function");
    return values_[index];
  }

  JSContextRef context_;
  std::span<const JSValueRef> values_;
};

JSValueRef bytes_value(JSContextRef context, std::string_view bytes) {
  const JsString text = from_latin1(bytes);
  return JSValueMakeString(context, text.get());
}

JSValueRef command(RunContext& run, JSContextRef context, const Arguments& arguments) {
  run.port().command(arguments.text(0), arguments.has(1) ? arguments.text(1) : std::string());
  return JSValueMakeUndefined(context);
}

JSValueRef closure_ended(RunContext& run, JSContextRef context, const Arguments& arguments) {
  run.port().closure_ended(arguments.text(0));
  return JSValueMakeUndefined(context);
}

JSValueRef effect(RunContext& run, JSContextRef context, const Arguments& arguments) {
  run.port().effect({.key = arguments.text(0),
                     .attempt = arguments.number(1),
                     .id = arguments.number(2),
                     .name = arguments.text(3),
                     .args = arguments.text(4)});
  return JSValueMakeUndefined(context);
}

JSValueRef effect_sync(RunContext& run, JSContextRef context, const Arguments& arguments) {
  return make_string(context, run.port().effect_sync({.key = arguments.text(0),
                                                      .attempt = arguments.number(1),
                                                      .name = arguments.text(2),
                                                      .args = arguments.text(3)}));
}

JSValueRef now(RunContext&, JSContextRef context, const Arguments&) {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return JSValueMakeNumber(context, std::chrono::duration<double, std::milli>(since).count());
}

JSValueRef random_bytes_value(RunContext&, JSContextRef context, const Arguments& arguments) {
  return bytes_value(context, random_bytes(arguments.number(0)));
}

JSValueRef digest_value(RunContext&, JSContextRef context, const Arguments& arguments) {
  const auto algorithm = arguments.text(0);
  const auto bytes = arguments.bytes(1);
  if (arguments.has(2)) return bytes_value(context, hmac(algorithm, bytes, arguments.bytes(2)));
  return bytes_value(context, digest(algorithm, bytes));
}

JSValueRef map_stack_value(RunContext& run, JSContextRef context, const Arguments& arguments) {
  return make_string(context, map_stack(run.code().map(), arguments.text(0)));
}

using HostFunction = JSValueRef (*)(RunContext& run, JSContextRef context, const Arguments&);

JSValueRef make_error(JSContextRef context, const char* message) {
  const JSValueRef text = make_string(context, message);
  return JSObjectMakeError(context, 1, &text, nullptr);
}

// No C++ exception may pass through the VM: it becomes an Error in JavaScript.
template <HostFunction function>
JSValueRef call_host(JSContextRef context, JSObjectRef, JSObjectRef host, std::size_t count,
                     const JSValueRef values[], JSValueRef* exception) {
  auto* run = static_cast<RunContext*>(JSObjectGetPrivate(host));
  if (run == nullptr || run->dead()) return JSValueMakeUndefined(context);
  try {
    return function(*run, context, Arguments(context, count, values));
  } catch (const std::exception& error) {
    *exception = make_error(context, error.what());
    return JSValueMakeUndefined(context);
  }
}

struct Entry {
  const char* name;
  JSObjectCallAsFunctionCallback callback;
};

constexpr std::array entries{
    Entry{"command", call_host<command>},
    Entry{"closureEnded", call_host<closure_ended>},
    Entry{"effect", call_host<effect>},
    Entry{"effectSync", call_host<effect_sync>},
    Entry{"now", call_host<now>},
    Entry{"randomBytes", call_host<random_bytes_value>},
    Entry{"digest", call_host<digest_value>},
    Entry{"mapStack", call_host<map_stack_value>},
};

// The object carries the run, and its functions are always called as its methods: functions that
// carry something themselves need a class each, which every context would have to make anew.
JSClassRef make_class() {
  JSClassDefinition definition = kJSClassDefinitionEmpty;
  definition.className = "Host";
  return JSClassCreate(&definition);
}

}  // namespace

JSObjectRef make_host(JSGlobalContextRef context, RunContext& run) {
  static const auto host_class = make_class();
  constexpr JSPropertyAttributes fixed =
      kJSPropertyAttributeReadOnly | kJSPropertyAttributeDontDelete;
  JSObjectRef host = JSObjectMake(context, host_class, &run);
  for (const auto& entry : entries) {
    const JsString name(entry.name);
    JSObjectRef function = JSObjectMakeFunctionWithCallback(context, name.get(), entry.callback);
    JSObjectSetProperty(context, host, name.get(), function, fixed, nullptr);
  }
  return host;
}

}  // namespace agentcmd::script

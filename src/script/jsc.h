#pragma once
// The C API of JavaScriptCore: what its shipped headers lack, and owners for its handles.

#include <JavaScriptCore/JavaScript.h>

#include <string>
#include <string_view>
#include <utility>

// Exported by the library since long ago (WebKit's JSContextRefPrivate.h and JSScriptRefPrivate.h),
// but not in the headers that distributions ship.
extern "C" {
using JSShouldTerminateCallback = bool (*)(JSContextRef context, void* data);
void JSContextGroupSetExecutionTimeLimit(JSContextGroupRef group, double seconds,
                                         JSShouldTerminateCallback callback, void* data);
JSStringRef JSContextCreateBacktrace(JSContextRef context, unsigned frames_max);
void JSGlobalContextSetUnhandledRejectionCallback(JSGlobalContextRef context, JSObjectRef function,
                                                  JSValueRef* exception);
void JSGlobalContextSetEvalEnabled(JSGlobalContextRef context, bool enabled, JSStringRef message);

using JSScriptRef = struct OpaqueJSScript*;
JSScriptRef JSScriptCreateFromString(JSContextGroupRef group, JSStringRef url, int first_line,
                                     JSStringRef source, JSStringRef* error, int* error_line);
JSValueRef JSScriptEvaluate(JSContextRef context, JSScriptRef script, JSValueRef self,
                            JSValueRef* exception);
void JSScriptRelease(JSScriptRef script);
}

namespace agentcmd::script {

// Owns a JSStringRef.
class JsString {
 public:
  explicit JsString(const char* text) : ref_(JSStringCreateWithUTF8CString(text)) {}
  explicit JsString(const std::string& text) : JsString(text.c_str()) {}
  explicit JsString(JSStringRef owned) : ref_(owned) {}
  JsString(JsString&& other) noexcept : ref_(std::exchange(other.ref_, nullptr)) {}
  JsString& operator=(JsString&&) = delete;
  ~JsString() {
    if (ref_ != nullptr) JSStringRelease(ref_);
  }
  JSStringRef get() const { return ref_; }

 private:
  JSStringRef ref_;
};

// Owns a JSScriptRef: source that all contexts of a group share, parsed once.
class JsScript {
 public:
  JsScript() = default;
  // `error` says why the source is not JavaScript; then get() is null.
  JsScript(JSContextGroupRef group, std::string_view url, const std::string& source,
           std::string& error);
  JsScript(JsScript&& other) noexcept : ref_(std::exchange(other.ref_, nullptr)) {}
  JsScript& operator=(JsScript&& other) noexcept {
    std::swap(ref_, other.ref_);
    return *this;
  }
  ~JsScript() {
    if (ref_ != nullptr) JSScriptRelease(ref_);
  }
  JSScriptRef get() const { return ref_; }

 private:
  JSScriptRef ref_ = nullptr;
};

void append_utf8(std::string& out, JSStringRef text);
std::string to_utf8(JSStringRef text);

// The value converted to a string; empty if the conversion throws.
std::string to_utf8(JSContextRef context, JSValueRef value);

// Bytes as a string of characters 0 to 255, and back. False if a character is larger.
JsString from_latin1(std::string_view bytes);
bool to_latin1(JSStringRef text, std::string& bytes);

// undefined when it is missing or its getter throws.
JSValueRef get_property(JSContextRef context, JSObjectRef object, const char* name);

JSValueRef make_string(JSContextRef context, const std::string& text);

}  // namespace agentcmd::script

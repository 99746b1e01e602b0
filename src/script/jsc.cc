#include "script/jsc.h"

#include <span>
#include <vector>

namespace agentcmd::script {

JsScript::JsScript(JSContextGroupRef group, std::string_view url, const std::string& source,
                   std::string& error) {
  const JsString name{std::string(url)};
  const JsString text(source);
  JSStringRef reason = nullptr;
  int line = 0;
  ref_ = JSScriptCreateFromString(group, name.get(), 1, text.get(), &reason, &line);
  if (reason == nullptr) return;
  const JsString owned(reason);
  error = to_utf8(owned.get());
}

void append_utf8(std::string& out, JSStringRef text) {
  const std::size_t before = out.size();
  out.resize(before + JSStringGetMaximumUTF8CStringSize(text));
  const std::size_t written =
      JSStringGetUTF8CString(text, out.data() + before, out.size() - before);
  out.resize(before + (written > 0 ? written - 1 : 0));
}

std::string to_utf8(JSStringRef text) {
  std::string out;
  append_utf8(out, text);
  return out;
}

std::string to_utf8(JSContextRef context, JSValueRef value) {
  JSStringRef text = JSValueToStringCopy(context, value, nullptr);
  if (text == nullptr) return {};
  const JsString owned(text);
  return to_utf8(owned.get());
}

JsString from_latin1(std::string_view bytes) {
  std::vector<JSChar> characters;
  characters.reserve(bytes.size());
  for (const char c : bytes) characters.push_back(static_cast<unsigned char>(c));
  return JsString(JSStringCreateWithCharacters(characters.data(), characters.size()));
}

bool to_latin1(JSStringRef text, std::string& bytes) {
  const std::span characters(JSStringGetCharactersPtr(text), JSStringGetLength(text));
  bytes.reserve(characters.size());
  for (const JSChar c : characters) {
    if (c > 0xFF) return false;
    bytes += static_cast<char>(c);
  }
  return true;
}

JSValueRef get_property(JSContextRef context, JSObjectRef object, const char* name) {
  const JsString key(name);
  JSValueRef exception = nullptr;
  JSValueRef value = JSObjectGetProperty(context, object, key.get(), &exception);
  return exception == nullptr ? value : JSValueMakeUndefined(context);
}

JSValueRef make_string(JSContextRef context, const std::string& text) {
  const JsString owned(text);
  return JSValueMakeString(context, owned.get());
}

}  // namespace agentcmd::script

#pragma once
// One question to a model and its answer, in one form for all vendors: what step.ai needs of them.

#include "gateway/event_stream.h"
#include "gateway/model_access.h"
#include "gateway/usage.h"
#include "http/client.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace agentcmd::gateway {

struct ModelCall {
  Vendor vendor = Vendor::anthropic;
  std::string model;
  std::string system;
  std::string prompt;
  std::optional<double> temperature;
  std::optional<std::int64_t> max_tokens;
  Json schema;  // of an object that is asked for; null: a text is
};

// The request that asks for a streamed answer. An object is asked for as the input of a tool that
// the model must call, which all models of both vendors, and servers like theirs, understand.
http::Request model_request(const ModelCall& call, const VendorAccess& access);

// An answer, read while it comes.
class ModelAnswer {
 public:
  explicit ModelAnswer(Vendor vendor) : vendor_(vendor) {}

  // Calls `on_text` with what is new of the text, or of the object's JSON.
  void feed(std::string_view bytes, const std::function<void(std::string_view text)>& on_text);
  // The same for an answer that is no stream although one was asked for.
  void take_document(const Json& document, const std::function<void(std::string_view)>& on_text);

  // Whether the end of the answer was seen; else it was cut off.
  bool is_complete() const { return complete_; }
  // What the vendor said instead of going on; empty where nothing went wrong.
  const std::string& error() const { return error_; }

  const std::string& text() const { return text_; }
  const std::string& object() const { return object_; }  // JSON, as the model wrote it
  // "stop", "length", "content-filter", "tool-calls", "other"
  std::string finish_reason() const;
  const Meter& meter() const { return meter_; }

 private:
  void take_event(const Json& event, const std::function<void(std::string_view)>& on_text);
  void take_anthropic(const Json& event, const std::function<void(std::string_view)>& on_text);
  void take_openai(const Json& event, const std::function<void(std::string_view)>& on_text);
  void take_message(const Json& message, const std::function<void(std::string_view)>& on_text);
  void add(std::string& to, const std::string& text,
           const std::function<void(std::string_view)>& on_text);

  Vendor vendor_;
  EventStream stream_;
  Meter meter_;
  std::string text_;
  std::string object_;
  std::string reason_;  // in the vendor's word
  std::string error_;
  bool complete_ = false;
};

// A refusal in the vendor's own words, from the body of its answer.
std::string refusal_message(std::string_view body);

// How long the vendor asks to wait before the next request; nothing where it does not say.
std::optional<std::chrono::milliseconds> retry_after(const http::Headers& headers,
                                                     std::chrono::sys_seconds now);

}  // namespace agentcmd::gateway

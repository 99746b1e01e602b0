#include "runtime/closures.h"

#include <algorithm>
#include <utility>

namespace agentcmd::runtime {

using history::StepKey;

Closures::Closures(boost::asio::any_io_executor executor, std::function<void()> ended)
    : executor_(std::move(executor)), state_(std::make_shared<State>()) {
  state_->ended = std::move(ended);
}

Closures::~Closures() {
  state_->ended = nullptr;
}

void Closures::begin(const StepKey& key, Closure closure) {
  for (auto& effect : state_->effects) {
    if (effect.key == key && effect.attempt != closure.attempt) effect.stop->request();
  }
  closures_[key] = closure;
}

void Closures::end(const StepKey& key) {
  if (closures_.erase(key) == 1) stop_effects(key);
}

const Closure* Closures::find(const StepKey& key) const {
  const auto found = closures_.find(key);
  return found == closures_.end() ? nullptr : &found->second;
}

Closures::UnderWay Closures::begin_effect(const StepKey& key, std::uint32_t attempt,
                                          std::uint64_t id) {
  auto& effects = state_->effects;
  const auto effect = effects.insert(
      effects.end(),
      {.key = key, .attempt = attempt, .id = id, .stop = std::make_shared<StopSource>(executor_)});
  return {state_, effect};
}

Closures::UnderWay::~UnderWay() {
  state_->effects.erase(effect_);
  if (state_->ended) state_->ended();
}

bool Closures::has_effects(const StepKey& key) const {
  return std::ranges::find(state_->effects, key, &Effect::key) != state_->effects.end();
}

void Closures::cancel_effect(const StepKey& key, std::uint64_t id) {
  for (auto& effect : state_->effects) {
    if (effect.id == id && effect.key == key) effect.stop->request();
  }
}

void Closures::stop_effects(const StepKey& key) {
  for (auto& effect : state_->effects) {
    if (effect.key == key) effect.stop->request();
  }
}

void Closures::stop_all_effects() {
  for (auto& effect : state_->effects) effect.stop->request();
}

}  // namespace agentcmd::runtime

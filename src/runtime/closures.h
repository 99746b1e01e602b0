#pragma once
// The closures of a run that are at work in the worker (code of step.run, probes of lost steps),
// and what they have asked of the world. A closure that is over has its effects stopped: they end
// by themselves, their processes with all descendants, and until then the run does not end. One
// thread: the loop's.

#include "async/stop.h"
#include "base/clock.h"
#include "history/event.h"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>

namespace agentcmd::runtime {

struct Closure {
  std::uint32_t attempt = 1;
  bool is_probe = false;
  Time since;
};

class Closures {
  struct Effect {
    history::StepKey key;
    std::uint32_t attempt;
    std::uint64_t id;
    std::shared_ptr<StopSource> stop;
  };
  struct State {
    std::list<Effect> effects;
    std::function<void()> ended;
  };

 public:
  // `ended` is called whenever an effect has ended.
  Closures(boost::asio::any_io_executor executor, std::function<void()> ended);
  ~Closures();
  Closures(const Closures&) = delete;
  Closures& operator=(const Closures&) = delete;

  // Takes the place of an earlier attempt of that step. Effects of this one may be waiting for it.
  void begin(const history::StepKey& key, Closure closure);
  void end(const history::StepKey& key);

  bool empty() const { return closures_.empty(); }
  const Closure* find(const history::StepKey& key) const;
  const std::map<history::StepKey, Closure>& all() const { return closures_; }

  // An effect on its way, until this is destroyed; may outlive the closure and this object.
  class UnderWay {
   public:
    UnderWay(std::shared_ptr<State> state, std::list<Effect>::iterator effect)
        : state_(std::move(state)), effect_(effect) {}
    ~UnderWay();
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

    StopSource& stop() { return *effect_->stop; }

   private:
    std::shared_ptr<State> state_;
    std::list<Effect>::iterator effect_;
  };
  UnderWay begin_effect(const history::StepKey& key, std::uint32_t attempt, std::uint64_t id);

  // Asks that one to end. Nothing happens where it has.
  void cancel_effect(const history::StepKey& key, std::uint64_t id);
  void stop_effects(const history::StepKey& key);
  void stop_all_effects();
  bool has_effects() const { return !state_->effects.empty(); }
  bool has_effects(const history::StepKey& key) const;

 private:
  boost::asio::any_io_executor executor_;
  std::map<history::StepKey, Closure> closures_;
  std::shared_ptr<State> state_;  // shared with effects, whose tasks belong to the worker's client
};

}  // namespace agentcmd::runtime

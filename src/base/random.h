#pragma once
// Randomness is passed in, for the same reason as time (clock.h).

#include <cstdint>
#include <random>

namespace agentcmd {

class Random {
 public:
  virtual ~Random() = default;
  Random(const Random&) = delete;
  Random& operator=(const Random&) = delete;
  virtual std::uint64_t next() = 0;

 protected:
  Random() = default;
};

// The operating system's generator (getrandom(2)): fit for ids, tokens and seeds.
class SystemRandom final : public Random {
 public:
  SystemRandom() = default;
  std::uint64_t next() override;
};

// Repeatable, for tests and simulation.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() override { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace agentcmd

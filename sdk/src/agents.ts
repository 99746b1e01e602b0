// What agents may do unasked, and what else their steps share, as the driver reads it.

import type { Config } from "./ask";
import { shown } from "./check";
import { milliseconds } from "./duration";

/** `allow` of the definition: rules that hold for all its agents. */
let rulesForAll: string[] = [];

export function useRules(allow: unknown): void {
  rulesForAll = allow === undefined ? [] : rulesOf(allow, "allow");
}

/** The config of step.agent, checked; durations become milliseconds. */
export function agentConfig(given: Config, what: string): Config {
  const config = { ...given };
  const allow = config.allow === undefined ? [] : rulesOf(config.allow, `${what}: allow`);
  if (rulesForAll.length + allow.length > 0) config.allow = [...rulesForAll, ...allow];
  if (config.askTimeout !== undefined) config.askTimeout = milliseconds(config.askTimeout, `${what}: askTimeout`);
  if (config.maxTurns !== undefined && !(Number.isInteger(config.maxTurns) && config.maxTurns >= 1)) {
    throw new RangeError(`${what}: maxTurns is ${shown(config.maxTurns)}; it must be a whole number from 1`);
  }
  return config;
}

/** A list of rules, such as ["Read", "Bash(npm test:*)"]. */
export function rulesOf(given: unknown, what: string): string[] {
  const isRule = (rule: unknown) => typeof rule === "string" && /^[\w.-]+(\((?!:\*).+\))?$/s.test(rule);
  if (Array.isArray(given) && given.every(isRule)) return given;
  throw new TypeError(`${what} is ${shown(given)}; it must be a list of rules, such as ["Read", "Bash(npm test:*)"]`);
}

// Probes: closures that look, after an attempt of a step was lost, whether the step has happened all the same.

import { begin, Closure } from "./closures";
import { shown } from "./check";
import { encode } from "./json";

interface Probe {
  type: string;
  name: string;
  phase: string;
  config: Record<string, unknown>;
  body: () => unknown;
}

/** By the key of the step. */
const probes = new Map<string, Probe>();

export function registerProbe(key: string, probe: Omit<Probe, "body">, body: unknown): void {
  if (typeof body === "function") probes.set(key, { ...probe, body: body as () => unknown });
}

export function forgetProbe(key: string): void {
  probes.delete(key);
}

/** Takes the function out of the options: the driver is told that there is one. Changes `options`. */
export function probeOption(type: string, options: Record<string, any>, what: string): void {
  if (options.probe === undefined) {
    if (options.onLost !== "probe" || type === "git") return;
    throw new TypeError(`${what}: onLost "probe" needs a probe: () => "done" | "not-done" | { output }`);
  }
  if (typeof options.probe !== "function") {
    throw new TypeError(`${what}: probe is ${shown(options.probe)}; it must be a function: () => "done" | "not-done"`);
  }
  if ((options.onLost ??= "probe") !== "probe") {
    throw new TypeError(`${what}: its probe is never asked with onLost ${shown(options.onLost)}; leave one of them out`);
  }
  options.probe = true;
}

export function beginProbe(key: string, attempt: number): void {
  const probe = probes.get(key);
  if (!probe) throw new Error(`There is no probe of ${key} to begin`);
  const verdict = (value: unknown): unknown => verdictOf(probe, value);
  begin(new Closure(key, probe.name, attempt, probe.phase, verdict), probe.body);
}

/** As the driver reads it. */
function verdictOf(probe: Probe, value: unknown): unknown {
  const what = `the probe of step "${probe.name}"`;
  if (value === "not-done") return { done: false };
  if (value === "done") return { done: true, output: encode(usualResult(probe), what) };
  if (typeof value === "object" && value !== null && "output" in value) {
    const output = value.output as { success?: unknown } | null | undefined;
    return { done: true, success: output?.success !== false, output: encode(output, `${what} gave`) };
  }
  throw new TypeError(`${what} gave ${shown(value)}; it must be "done", "not-done" or { output }`);
}

/** Of a step of which no more is known than that it was done. */
function usualResult({ type, config }: Probe): unknown {
  if (type === "run") return undefined;
  const data = type === "cli" ? { command: config.command, exitCode: 0, stdout: "", stderr: "" } : undefined;
  return { data, success: true, trace: [] };
}

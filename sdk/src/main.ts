// The value of sdk.js: what the worker program calls, and nothing that workflow code sees (host.d.ts).

import { useRules } from "./agents";
import { beginClosure, beginFirst, effectAnswered, forget } from "./closures";
import type { Failure } from "./errors";
import { type EventJob, receive, startedBy, timedOut } from "./events";
import { decided, type GateJob } from "./gates";
import { installGlobals } from "./globals";
import { makeHermetic } from "./hermetic";
import type { Host, Sdk } from "./host";
import { useRetries } from "./options";
import { useMarks } from "./patches";
import { reject, resolve } from "./pending";
import { enter, root } from "./phases";
import { beginProbe, forgetProbe } from "./probes";
import { answerTo } from "./queries";
import { seed } from "./random";
import { rejected } from "./rejections";
import { requireModule } from "./require";
import { cancel, eventOf, failBeforeStart, live, watchForStall, type StartJob } from "./run";
import { enterAs, vm } from "./vm";
import { describeWorkflow, findWorkflow, type Workflow } from "./workflow";

type Definition = (...args: unknown[]) => void;

type Job = { at: number } & (
  | ({ job: "start"; seed: string } & StartJob)
  | { job: "resolve"; key: string; output: string }
  | { job: "reject"; key: string; failure: Failure }
  | { job: "fire"; key: string }
  | { job: "cancel"; reason: string; timeout?: boolean }
  | ({ job: "event" } & EventJob)
  | { job: "waitTimedOut"; key: string }
  | ({ job: "gate" } & GateJob)
  | { job: "closure"; key: string; attempt: number; progress?: string }
  | { job: "probe"; key: string; attempt: number }
);

let definition: Definition | undefined;

function load(given: Definition): void {
  definition = given;
}

function evaluate(): Workflow {
  const module: { exports: unknown } = { exports: {} };
  const file = vm.host.file;
  const folder = file.includes("/") ? file.slice(0, file.lastIndexOf("/")) : ".";
  definition!.call(module.exports, module.exports, requireModule, module, file, folder);
  return findWorkflow(module.exports);
}

function describe(): string {
  enterAs(null);
  vm.describing = true;
  return JSON.stringify(describeWorkflow(evaluate()));
}

function start(job: StartJob & { seed: string }): void {
  seed(job.seed);
  const event = eventOf(job);
  startedBy(event.data);
  let workflow: Workflow;
  try {
    workflow = evaluate();
    useRetries(workflow.config.retries);
    useRules(workflow.config.allow);
  } catch (thrown) {
    failBeforeStart(thrown);
    return;
  }
  void live(workflow, event);
}

function deliver(text: string, replaying: boolean, locating = false): void {
  const job = JSON.parse(text) as Job;
  enterAs(null);
  vm.replaying = replaying;
  vm.locating = locating;
  if (job.job === "closure") {
    beginClosure(job.key, job.attempt, job.progress);
    return;
  }
  if (job.job === "probe") {
    beginProbe(job.key, job.attempt);
    return;
  }
  vm.now = job.at;
  enter(root);
  apply(job);
  watchForStall();
}

/** A job that needs no JSON of its own. */
function settle(at: number, key: string, output: string): void {
  enterAs(null);
  vm.replaying = false;
  vm.now = at;
  enter(root);
  forget(key);
  resolve(key, output);
  watchForStall();
}

function apply(job: Exclude<Job, { job: "closure" | "probe" }>): void {
  switch (job.job) {
    case "start":
      return start(job);
    case "resolve":
      forget(job.key);
      forgetProbe(job.key);
      return resolve(job.key, job.output);
    case "reject":
      forget(job.key);
      forgetProbe(job.key);
      return reject(job.key, job.failure);
    case "fire":
      return resolve(job.key, undefined);
    case "event":
      return receive(job);
    case "waitTimedOut":
      return timedOut(job.key);
    case "gate":
      return decided(job);
    case "cancel":
      return cancel(job.reason, job.timeout);
  }
}

/** Its answer is all that it may leave behind. */
function query(name: string, args: string): string {
  enterAs(null);
  vm.querying = true;
  enter(root);
  return answerTo(name, args);
}

function usePatches(ids: string): void {
  useMarks(JSON.parse(ids) as string[]);
}

/** Of the function around this bundle, which takes the second parameter of createSdk (CMakeLists.txt). A module that
 *  exports would have each of its names defined anew for every run. */
declare const entry: { createSdk: (host: Host) => Sdk };

entry.createSdk = (host: Host): Sdk => {
  vm.host = host;
  makeHermetic(globalThis);
  installGlobals(globalThis);
  return { load, describe, usePatches, deliver, settle, beginClosure: beginFirst, effectAnswered, query, rejected };
};

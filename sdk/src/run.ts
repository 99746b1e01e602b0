// The life of a run: set up the workspace, run the workflow, clean up, finalise, and say how it ended.

import { AbortController, type AbortSignal } from "./web/abort";
import { CancelledError, failureOf, TimeoutError } from "./errors";
import { encodeOrNull } from "./json";
import { abandonAll, anyOpen, cancelAll, shield } from "./pending";
import { begin, closeMarker, currentScope, declarePhases, enter, phaseNow, root, within, type Scope } from "./phases";
import { askFor, refuseInQuery } from "./ask";
import { setUpSpec } from "./spec";
import { step } from "./step";
import { command, note } from "./vm";
import { phasesOf, type Workflow, type WorkflowEvent } from "./workflow";

/** Protocol.md's `start`. */
export interface StartJob {
  run?: string;
  name: string;
  project: string;
  request: string;
}

type End = { outcome: "completed"; result: string } | { outcome: "failed"; thrown: unknown } | { outcome: "cancelled" };

interface Cleanup {
  always: boolean;
  body: () => unknown;
  scope: Scope;
}

const cleanups: Cleanup[] = [];
let controller: AbortController | undefined;
let cancelReason: string | undefined;
let timedOut = false;
let over = false;

/** Ends what runs now, the body or a clean-up, with an error that none of its promises would carry. */
let endNow: ((thrown: unknown) => void) | undefined;

export function failBody(thrown: unknown): void {
  if (endNow) endNow(thrown);
  else note({ c: "log", level: "error", phase: phaseNow(), message: `Nobody handles: ${failureOf(thrown).message}` });
}

export function runIsOver(): boolean {
  return over;
}

/** Made when it is first asked for. */
export function signal(): AbortSignal {
  if (!controller) {
    controller = new AbortController();
    if (cancelReason !== undefined) controller.abort(cancelError());
  }
  return controller.signal;
}

let directory = "/";

/** Of the run, as recorded: what process.cwd() says, in the body too. */
export function workingDir(): string {
  return directory;
}

/** Last in, first out, when the workflow's function has ended. */
export function addCleanup(body: unknown, always: boolean): void {
  refuseInQuery(`step.${always ? "cleanup" : "compensate"}()`);
  if (typeof body !== "function") throw new TypeError(`step.${always ? "cleanup" : "compensate"} needs a function`);
  cleanups.push({ always, body: body as () => unknown, scope: currentScope() });
}

/** `timeout`: it is the time of the whole run that is over. */
export function cancel(reason: string, timeout = false): void {
  if (cancelReason !== undefined || over) return;
  cancelReason = reason || "The run was cancelled";
  timedOut = timeout;
  cancelAll(cancelError);
  controller?.abort(cancelError());
}

function cancelError(): Error {
  return timedOut ? new TimeoutError(cancelReason!) : new CancelledError(cancelReason);
}

/** Whatever the code made of it. */
function endOfCancelled(): End {
  return timedOut ? { outcome: "failed", thrown: cancelError() } : { outcome: "cancelled" };
}

export function eventOf(job: StartJob): WorkflowEvent {
  const request = JSON.parse(job.request) as Record<string, unknown>;
  directory = job.project;
  const data = {
    runId: job.run,
    projectId: job.project,
    userId: "local",
    specFile: "",
    ...request,
    name: job.name,
    projectPath: job.project,
    workingDir: job.project,
    args: request.args ?? {},
  };
  return { name: "workflow.triggered", data };
}

export async function live(workflow: Workflow, event: WorkflowEvent): Promise<void> {
  declarePhases(phasesOf(workflow.config));
  let workspace: Record<string, unknown> | undefined;
  let end: End;
  try {
    workspace = await setUp(event.data);
    if (cancelReason !== undefined) throw cancelError();
    await setUpSpec(event.data);
    const value = await whileItCanGoOn(() => workflow.fn({ event, step }));
    end = { outcome: "completed", result: encodeOrNull(value, "The workflow returned") };
  } catch (thrown) {
    end = { outcome: "failed", thrown };
  }
  if (cancelReason !== undefined) end = endOfCancelled();
  enter(root);
  if (end.outcome === "failed") closeMarker(root, end.thrown);
  else closeMarker(root);
  abandonAll();
  shield();
  await cleanUp(end);
  if (workspace) await finalise(workspace, end);
  finish(cancelReason === undefined ? end : endOfCancelled());
}

export function failBeforeStart(thrown: unknown): void {
  finish({ outcome: "failed", thrown });
}

function finish(end: End): void {
  abandonAll();
  over = true;
  if (end.outcome === "completed") command({ c: "complete", result: end.result });
  else if (end.outcome === "failed") command({ c: "fail", failure: failureOf(end.thrown) });
  else command({ c: "cancelled" });
}

async function setUp(data: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { mode, branchName, baseBranch, worktreeName, preserve } = data;
  const config = { mode, branchName, baseBranch, worktreeName, preserve };
  const workspace = await systemStep("_system_setup", "System Setup", "setup-workspace", "setupWorkspace", config);
  if (typeof workspace.workingDir === "string") directory = workspace.workingDir;
  data.workingDir = directory;
  data.worktreePath = workspace.worktreePath;
  return workspace;
}

async function finalise(workspace: object, end: End): Promise<void> {
  const outcome = cancelReason === undefined ? end.outcome : endOfCancelled().outcome;
  const config = { outcome, workspace };
  try {
    await systemStep("_system_finalize", "System Finalize", "finalize-workspace", "finalizeWorkspace", config);
  } catch (thrown) {
    warn(`The workspace could not be finalised: ${failureOf(thrown).message}`);
  }
}

async function systemStep(
  phase: string,
  label: string,
  id: string,
  type: string,
  config: object,
): Promise<Record<string, unknown>> {
  enter(root);
  const scope = begin(phase, label, phase);
  const result = await within(scope, async () => {
    const result = (await askFor(type, id, { config, key: `${phase}/${id}` })) as Record<string, any>;
    if (result?.success === false) throw new Error(result.error ?? `${id} failed`);
    return result?.data?.workingDir ? result.data : (result ?? {});
  });
  enter(root);
  return result;
}

async function cleanUp(end: End): Promise<void> {
  for (let next = cleanups.pop(); next; next = cleanups.pop()) {
    const { always, body, scope } = next;
    if (!always && end.outcome === "completed" && cancelReason === undefined) continue;
    try {
      enter(scope);
      await whileItCanGoOn(body);
    } catch (thrown) {
      warn(`A clean-up failed: ${failureOf(thrown).message}`);
    }
    abandonAll();
  }
  enter(root);
}

function warn(message: string): void {
  note({ c: "log", level: "warn", phase: phaseNow(), message });
}

/** Runs a function to its end, or until it can never go on: then it fails instead of waiting for ever. */
function whileItCanGoOn(body: () => unknown): Promise<unknown> {
  return new Promise<unknown>((resolve, reject) => {
    endNow = reject;
    Promise.resolve(body()).then(resolve, reject);
  }).finally(() => {
    endNow = undefined;
  });
}

/** So many turns of the promise queue without a step, a timer or an end mean that none will come. */
const patience = 100_000;
const settled = Promise.resolve();
let watching = false;

/** Called with each job. What the body waits for must have a name; a promise that nobody settles has none. */
export function watchForStall(): void {
  if (watching || over) return;
  watching = true;
  let turns = 0;
  const turn = (): void => {
    if (over || anyOpen()) {
      watching = false;
    } else if (++turns < patience) {
      settled.then(turn);
    } else {
      watching = false;
      endNow?.(stalled());
    }
  };
  settled.then(turn);
}

function stalled(): Error {
  if (cancelReason !== undefined) return cancelError();
  return new Error("The workflow waits for a promise that no step, timer or closure will settle");
}

// What a definition is, in both of its shapes, and how it is found among the exports of its file.

import { checkConfig, configFor, timeoutOf } from "./config";
import type { StepApi } from "./step";
import { vm } from "./vm";

export interface PhaseDeclaration {
  id: string;
  label: string;
}

export interface WorkflowConfig {
  id: string;
  name?: string;
  description?: string;
  phases?: (string | { id: string; label?: string })[];
  timeout?: number | string;
  retries?: unknown;
  allow?: unknown;
  argsSchema?: object;
  [more: string]: unknown;
}

export interface WorkflowEvent {
  name: string;
  data: Record<string, unknown>;
}

type WorkflowFunction = (context: { event: WorkflowEvent; step: StepApi }) => unknown;

export interface Workflow {
  __type: "workflow";
  config: WorkflowConfig;
  fn: WorkflowFunction;
}

/** defineWorkflow(config, fn), or one object with execute(). */
export function defineWorkflow(config: unknown, fn?: unknown): Workflow {
  if (typeof config !== "object" || config === null) {
    throw new TypeError("defineWorkflow: the first argument must be an object with an id");
  }
  const { execute, ...rest } = config as WorkflowConfig;
  const body = fn ?? execute;
  if (typeof rest.id !== "string" || rest.id.trim() === "") {
    throw new TypeError("defineWorkflow: the workflow needs an id, a text that is not empty");
  }
  if (typeof body !== "function") {
    throw new TypeError(
      `defineWorkflow("${rest.id}"): give a function as the second argument, or an execute() method in the object`,
    );
  }
  // A run keeps its code for its whole life: what is refused later than it began would end it.
  if (vm.describing) checkConfig(rest);
  // execute() may use `this`: the object that it was written in.
  const run: WorkflowFunction = fn ? (body as WorkflowFunction) : (context) => body.call(config, context);
  return { __type: "workflow", config: rest, fn: run };
}

export function isWorkflow(value: unknown): value is Workflow {
  const candidate = value as Partial<Workflow> | null | undefined;
  return typeof candidate === "object" && candidate?.__type === "workflow" && typeof candidate.fn === "function";
}

/** The default export wins, else the first named one that is a workflow. */
export function findWorkflow(exports: unknown): Workflow {
  if (isWorkflow(exports)) return exports;
  const module = (exports ?? {}) as Record<string, unknown>;
  const byDefault = module.default as Record<string, unknown> | undefined;
  if (isWorkflow(byDefault)) return byDefault;
  if (isWorkflow(byDefault?.default)) return byDefault.default;
  for (const value of Object.values(module)) {
    if (isWorkflow(value)) return value;
  }
  const names = Object.keys(module);
  const found = names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`;
  throw new Error(
    `The file exports no workflow (${found}). Write: export default defineWorkflow({ id: "…" }, async ({ event, step }) => { … })`,
  );
}

export function phasesOf(config: WorkflowConfig): PhaseDeclaration[] {
  if (config.phases === undefined) return [];
  if (!Array.isArray(config.phases)) throw new TypeError(`defineWorkflow("${config.id}"): phases must be a list`);
  return config.phases.map((phase) => {
    if (typeof phase === "string") return { id: phase, label: phase };
    if (typeof phase?.id !== "string") {
      throw new TypeError(`defineWorkflow("${config.id}"): a phase is a text, or an object with id and label`);
    }
    return { id: phase.id, label: phase.label ?? phase.id };
  });
}

export function describeWorkflow(workflow: Workflow): object {
  const { id, name, description, phases: _phases, timeout: _timeout, argsSchema, ...config } = workflow.config;
  return {
    id,
    name: name ?? id,
    description: description ?? "",
    phases: phasesOf(workflow.config),
    timeout: timeoutOf(workflow.config),
    argsSchema: argsSchema === undefined ? undefined : JSON.stringify(argsSchema),
    config: JSON.stringify(configFor(config, `defineWorkflow("${id}"): `)),
  };
}

/** Gives the schema back; its type is what counts. */
export function defineSchema<T>(schema: T): T {
  return schema;
}

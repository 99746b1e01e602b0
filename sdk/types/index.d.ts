// Types of agentcmd's step API, for editors. `agentcmd init` puts this file into a project; it declares the module
// "agentcmd-workflows" and the same names as globals, for definitions that import nothing.

declare module "agentcmd-workflows" {
  // ---- JSON Schema, as far as types are read from it

  export type JsonSchema = { readonly [keyword: string]: unknown };

  type Primitive<T> = T extends "string"
    ? string
    : T extends "number" | "integer"
      ? number
      : T extends "boolean"
        ? boolean
        : T extends "null"
          ? null
          : unknown;

  /** The type of the values that a schema allows. */
  export type InferSchema<S> = S extends { readonly const: infer C }
    ? C
    : S extends { readonly enum: readonly (infer E)[] }
      ? E
      : S extends { readonly oneOf: readonly (infer O)[] }
        ? InferSchema<O>
        : S extends { readonly anyOf: readonly (infer O)[] }
          ? InferSchema<O>
          : S extends { readonly properties: infer P }
            ? InferObject<S, P>
            : S extends { readonly items: infer I }
              ? InferSchema<I>[]
              : S extends { readonly type: "object" }
                ? Record<string, unknown>
                : S extends { readonly type: "array" }
                  ? unknown[]
                  : S extends { readonly type: readonly (infer T)[] }
                    ? Primitive<T>
                    : S extends { readonly type: infer T }
                      ? Primitive<T>
                      : unknown;

  /** There for certain: required, or filled in from its default. */
  type CertainKeys<S, P> =
    | (S extends { readonly required: readonly (infer R)[] } ? R & keyof P : never)
    | { [K in keyof P]: P[K] extends { readonly default: unknown } ? K : never }[keyof P];
  type Flat<T> = { [K in keyof T]: T[K] };
  type InferObject<S, P> = Flat<
    { -readonly [K in keyof P as K extends CertainKeys<S, P> ? K : never]: InferSchema<P[K]> } & {
      -readonly [K in keyof P as K extends CertainKeys<S, P> ? never : K]?: InferSchema<P[K]>;
    }
  >;

  // ---- Definitions

  export type PhaseDefinition = string | { readonly id: string; readonly label?: string };
  export type ExtractPhaseIds<T extends readonly PhaseDefinition[]> = T[number] extends infer P
    ? P extends string
      ? P
      : P extends { readonly id: infer I }
        ? I & string
        : never
    : never;
  /** The declared ids are suggested; any other is allowed. */
  type PhaseIds<T extends readonly PhaseDefinition[]> = ExtractPhaseIds<T> | (string & {});

  /** Milliseconds, or a text: "250ms", "10m", "1h 30m", "2 days", "PT1H30M". */
  export type Duration = number | string;

  export type WorkflowTrigger =
    | {
        /** Name of the event. */
        event: string;
        /** What must be at which path in its data. */
        if?: { readonly [path: string]: string | number | boolean | null };
      }
    | {
        /** Minute, hour, day of the month, month, day of the week: "0 9 * * 1-5". */
        cron: string;
        /** Such as "Europe/Berlin"; UTC by default. */
        timezone?: string;
        /** What happens when the run before is not over: it is by default "skip". */
        overlap?: "skip" | "queue" | "cancel-old" | "allow";
        /** For so long a due time is made up for that no worker was there for; it is by default one hour. */
        catchUp?: Duration;
        /** Where the runs work; it is by default "stay". */
        mode?: "stay" | "branch" | "worktree";
        /** Arguments of each run. */
        args?: Record<string, unknown>;
      };

  export interface WorkflowConfig<
    TPhases extends readonly PhaseDefinition[] = readonly PhaseDefinition[],
    TSchema = unknown,
  > {
    /** Unique within the project. */
    id: string;
    name?: string;
    description?: string;
    /** In their order, for display. */
    phases?: TPhases;
    /** Of the whole run: milliseconds, or a text such as "2h". */
    timeout?: Duration;
    /** How often steps that throw are tried again, where they do not say so themselves. */
    retries?: RetryPolicy;
    /** What its agents may do without asking anybody; see AgentStepConfig. */
    allow?: string[];
    /** How many runs of this workflow may execute at once: in all, or for each value at a path in their arguments. */
    concurrency?: number | { limit: number; key?: string };
    /**
     * One run at a time: in all, or for each value at a path in the arguments. A run that comes while another
     * executes is not started ("skip", the default), waits ("queue"), or takes its place ("cancel-old").
     */
    singleton?: boolean | { key?: string; mode?: "skip" | "cancel-old" | "queue" };
    /**
     * Path in the arguments, or a text with such paths in braces ("{env}/{commit}"): a second run with the same
     * value is the first one. The keys of concurrency and singleton may be such texts, too.
     */
    idempotency?: string;
    /** Of the runs of a project that wait for their turn, those with the highest are first; it is by default 0. */
    priority?: number;
    /** What starts a run by itself. The event "workflow/<id>" always does; an event's data are the arguments. */
    triggers?: readonly WorkflowTrigger[];
    /** JSON Schema of event.data.args: checked before the run starts, defaults are filled in. */
    argsSchema?: TSchema;
  }

  export interface WorkflowEventData<TArgs = Record<string, unknown>> {
    runId: string;
    /** Of the run. */
    name: string;
    projectId: string;
    projectPath: string;
    userId: string;
    /** Where steps work: the project, or the run's worktree. */
    workingDir: string;
    worktreePath?: string;
    mode?: "stay" | "branch" | "worktree";
    baseBranch?: string;
    branchName?: string;
    worktreeName?: string;
    preserve?: boolean;
    specFile: string;
    specContent?: string;
    specType?: string;
    specCommandOverride?: string;
    planningSessionId?: string;
    args: TArgs;
  }

  export interface WorkflowEvent<TArgs = Record<string, unknown>> {
    name: string;
    data: WorkflowEventData<TArgs>;
  }

  /** Without a schema, arguments are what the caller gave. */
  export type ArgsOf<TSchema> = unknown extends TSchema ? Record<string, any> : InferSchema<TSchema>;

  export interface WorkflowContext<
    TPhases extends readonly PhaseDefinition[] = readonly PhaseDefinition[],
    TArgs = Record<string, any>,
  > {
    event: WorkflowEvent<TArgs>;
    step: WorkflowStep<PhaseIds<TPhases>>;
  }

  export type WorkflowFunction<
    TPhases extends readonly PhaseDefinition[] = readonly PhaseDefinition[],
    TArgs = Record<string, any>,
  > = (context: WorkflowContext<TPhases, TArgs>) => unknown;

  export interface WorkflowDefinition {
    readonly __type: "workflow";
    readonly config: WorkflowConfig;
  }

  /** What the function returns is stored as the run's result. */
  export function defineWorkflow<
    const TPhases extends readonly PhaseDefinition[] = readonly PhaseDefinition[],
    const TSchema = unknown,
  >(config: WorkflowConfig<TPhases, TSchema>, fn: WorkflowFunction<TPhases, ArgsOf<TSchema>>): WorkflowDefinition;
  export function defineWorkflow<
    const TPhases extends readonly PhaseDefinition[] = readonly PhaseDefinition[],
    const TSchema = unknown,
  >(
    config: WorkflowConfig<TPhases, TSchema> & { execute(context: WorkflowContext<TPhases, ArgsOf<TSchema>>): unknown },
  ): WorkflowDefinition;

  /** Gives the schema back, with its literal types. */
  export function defineSchema<const TSchema extends JsonSchema>(schema: TSchema): TSchema;

  // ---- Steps

  export interface RetryPolicy {
    /** In all, the first included; 3 by default. */
    attempts?: number;
    /** The wait before the second attempt; 1 second by default. */
    initial?: Duration;
    /** By what each further wait is longer; 2 by default. */
    factor?: number;
    /** The longest wait; 60 seconds by default. */
    max?: Duration;
    /** Spreads the waits, wholly (true) or by a share between 0 and 1, so that many steps do not come at once. */
    jitter?: boolean | number;
    /** Errors (their names, or classes) that no other attempt would help. */
    nonRetryable?: readonly (string | (new (...args: any[]) => Error))[];
    /** Whether an attempt that took too long is tried again. */
    timeouts?: boolean;
  }

  export type ProbeAnswer = "done" | "not-done" | { output: unknown };

  export interface StepOptions {
    /**
     * Of one attempt. A step that takes longer is stopped with all its processes and throws a TimeoutError. By
     * default 30 minutes for agents, 5 for commands, 2 for git.
     */
    timeout?: Duration;
    /** Of all attempts and the waits between them. */
    totalTimeout?: Duration;
    /** Of the wait for its turn, where limits let only so many steps run at once. */
    queueTimeout?: Duration;
    /** After how long without output, work of the processor or changed files a step is warned of, interrupted, killed. */
    silence?: { warn?: Duration; interrupt?: Duration; kill?: Duration };
    /** What happens when an attempt throws. A result with `success: false` is a value, and no reason to try again. */
    retry?: RetryPolicy;
    /** After the last attempt: "throw" into the workflow, or "pause" the run for somebody to look ("agent" steps do). */
    onExhausted?: "throw" | "pause";
    /** What is done about an attempt that was running when the machine or agentcmd died, and left no result. */
    onLost?: "retry" | "resume" | "probe" | "ask" | "fail";
    /**
     * Asked about a lost attempt whether the step has happened all the same: "done", with `output` as what the step
     * gives where that is more than the usual; "not-done", and the step begins again. When it throws, the run pauses
     * with the reason. A closure as that of step.run: it may read files, fetch and run commands.
     */
    probe?: () => ProbeAnswer | Promise<ProbeAnswer>;
  }

  /** What the function of step.run is given. */
  export interface ClosureContext {
    /** From 1. */
    attempt: number;
    /** What an earlier attempt told progress() last. */
    lastProgress: any;
    /**
     * Says how far the work is: shown, and given to the next attempt, should this one fail or be lost. Resolves when
     * it is on disk. Of several that come quickly one after another only the last is kept.
     */
    progress(details: unknown): Promise<void>;
  }

  /** An event of the project. */
  export interface ProjectEvent<T = any> {
    id: string;
    name: string;
    data: T;
    /** When it was sent, as an ISO text. */
    at: string;
  }

  export interface WaitForEventOptions<T = any> {
    /** Name of the event. */
    event: string;
    /** How long to wait; for ever by default. */
    timeout?: Duration;
    /** A path that must have the same value in the event's data and in event.data.args of this run. */
    match?: string;
    /** Instead of `match`: whether the event is the one. Must answer at once. */
    if?: (event: ProjectEvent<T>) => boolean;
  }

  export interface ApproveOptions<O extends string = string> {
    /** The question. */
    title: string;
    /** What one should know to answer it. */
    body?: string;
    /** What may be chosen from when approving. */
    options?: readonly O[];
    /** How long to wait; for ever by default. */
    timeout?: Duration;
  }

  export interface Approval<O extends string = string> {
    /** False also when nobody decided in time. */
    approved: boolean;
    /** What was chosen. */
    option?: O;
    /** Who decided; "timeout" for nobody. */
    by: string;
    reason?: string;
    /** ISO text. */
    at: string;
  }

  export interface InvokeOptions {
    /** Id of a workflow of the project, or its definition. */
    workflow: string | WorkflowDefinition;
    args?: Record<string, unknown>;
    /** The child is cancelled when it takes longer, and a TimeoutError is thrown. */
    timeout?: Duration;
    /** What becomes of the child when this run ends before it; it is by default "cancel". */
    parentClose?: "cancel" | "abandon";
    /** Of the child run, for people. */
    name?: string;
  }

  export interface TraceEntry {
    command: string;
    output?: string;
    exitCode?: number;
    /** Milliseconds. */
    duration?: number;
  }

  interface StepResult<TData> {
    data: TData;
    /** A step that ended badly is a value, not an exception. */
    success: boolean;
    error?: string;
    trace: TraceEntry[];
  }

  export interface AgentStepConfig {
    agent: "claude" | "codex" | "gemini" | "scripted" | (string & {});
    prompt: string;
    /** Relative to the run's working directory, which is the default. */
    workingDir?: string;
    cwd?: string;
    context?: Record<string, unknown>;
    /**
     * What the agent may do without being asked; "acceptEdits" by default. Claude refuses
     * "bypassPermissions" when it runs as root: run agentcmd as an ordinary user, or set the
     * variable IS_SANDBOX=1 where the machine is a throw-away one.
     */
    permissionMode?: "default" | "plan" | "acceptEdits" | "bypassPermissions";
    /** Tools that it may, and may not, use whatever the mode: "Bash", "Bash(npm test:*)". */
    allowedTools?: string[];
    disallowedTools?: string[];
    /**
     * Rules that answer the agent's questions in place of a person: a tool ("Read", "mcp__server"), or a tool and what
     * it may be used for ("Bash(npm test)", "Bash(npm test:*)", "Edit(src/**)", "WebFetch(domain:example.com)").
     * Those of the definition and of the project's .agent/permissions.json hold as well. What no rule allows becomes
     * a gate (`agentcmd approve`, `agentcmd deny`).
     */
    allow?: string[];
    /**
     * How long the agent waits for the answer to a question, "10m" by default; 0: for ever. Then the answer is no, and
     * the agent goes on. The step's own timeout goes on meanwhile.
     */
    askTimeout?: number | string;
    /** So often the model may answer. */
    maxTurns?: number;
    /** With `resume`: a copy of that session goes on, and the session itself stays as it is. */
    fork?: boolean;
    /** Files or texts that configure MCP servers. */
    mcpConfig?: string[];
    /** The reply is JSON: `data` holds it parsed. */
    json?: boolean;
    /** Session of the agent to go on with. */
    resume?: string;
    appendSystemPrompt?: string;
    model?: string;
  }

  export interface AgentStepResult<T = string> extends StepResult<T> {
    sessionId: string;
    exitCode: number;
    /** As the agent reports it, with its side calls; absent where it ended without a report. */
    usage?: {
      inputTokens: number;
      outputTokens: number;
      cacheReadTokens: number;
      cacheCreationTokens: number;
      totalTokens: number;
      models?: Record<string, unknown>;
    };
    /** US dollars, as the agent reckons them. */
    cost?: number;
    /** What it wanted to do and was not allowed to; then `success` is false. */
    permissionDenials?: { tool: string; input: unknown }[];
  }

  export interface CliStepConfig {
    /** Shown instead of the id. */
    name?: string;
    command: string;
    /** Relative to the run's working directory, which is the default. */
    cwd?: string;
    workingDir?: string;
    env?: Record<string, string>;
    /** By default /bin/sh. */
    shell?: string;
  }

  export type CliStepResult = StepResult<{ command: string; exitCode: number; stdout: string; stderr: string }>;

  /** `operation`, or `type` as older definitions write it. */
  type GitOperation<T extends string> = { operation: T; type?: undefined } | { type: T; operation?: undefined };
  interface GitStepBase {
    name?: string;
    cwd?: string;
    workingDir?: string;
  }
  export type GitCommitConfig = GitStepBase &
    GitOperation<"commit"> &
    ({ message: string } | { commitMessage: string });
  export type GitBranchConfig = GitStepBase & GitOperation<"branch"> & { branch: string; baseBranch?: string };
  export type GitPrConfig = GitStepBase & GitOperation<"pr"> & { title: string; body?: string; baseBranch?: string };
  export type GitCommitAndBranchConfig = GitStepBase &
    GitOperation<"commit-and-branch"> & {
      branch: string;
      commitMessage?: string;
      message?: string;
      baseBranch?: string;
    };
  export type GitWorktreeAddConfig = GitStepBase &
    GitOperation<"worktree-add"> & { projectPath: string; branch: string; worktreeName: string; worktreePath?: string };
  export type GitWorktreeRemoveConfig = GitStepBase &
    GitOperation<"worktree-remove"> & { projectPath: string; worktreePath: string; force?: boolean };
  export type GitStepConfig =
    | GitCommitConfig
    | GitBranchConfig
    | GitPrConfig
    | GitCommitAndBranchConfig
    | GitWorktreeAddConfig
    | GitWorktreeRemoveConfig;

  export type GitCommitResult = StepResult<{ commitSha?: string; hadChanges: boolean }>;
  export type GitBranchResult = StepResult<{ branch: string }>;
  export type GitPrResult = StepResult<{ prUrl?: string; prNumber?: number }>;
  export type GitCommitAndBranchResult = StepResult<{
    branch: string;
    commitSha?: string;
    hadUncommittedChanges: boolean;
    alreadyOnBranch: boolean;
  }>;
  export type GitWorktreeAddResult = StepResult<{ worktreePath: string; branch: string; worktreeName: string }>;
  export type GitWorktreeRemoveResult = StepResult<{ worktreePath: string }>;
  export type GitStepResult =
    | GitCommitResult
    | GitBranchResult
    | GitPrResult
    | GitCommitAndBranchResult
    | GitWorktreeAddResult
    | GitWorktreeRemoveResult;
  /** What a git step of this configuration gives. */
  export type GitResultOf<C> =
    C extends GitOperation<"commit">
      ? GitCommitResult
      : C extends GitOperation<"branch">
        ? GitBranchResult
        : C extends GitOperation<"pr">
          ? GitPrResult
          : C extends GitOperation<"commit-and-branch">
            ? GitCommitAndBranchResult
            : C extends GitOperation<"worktree-add">
              ? GitWorktreeAddResult
              : C extends GitOperation<"worktree-remove">
                ? GitWorktreeRemoveResult
                : GitStepResult;

  export interface ArtifactStepConfig {
    name: string;
    type: "text" | "file" | "image" | "directory";
    content?: string;
    file?: string;
    directory?: string;
    /** Which files of a directory. */
    pattern?: string;
    description?: string;
    eventId?: string;
  }

  export type ArtifactStepResult = StepResult<{ count: number; artifactIds: string[]; totalSize: number }>;

  export interface AnnotationStepConfig {
    message: string;
  }

  export interface AnnotationStepResult {
    data: undefined;
    success: boolean;
    trace: TraceEntry[];
  }

  /** What a schema of zod 3 and of zod 4 have in common. */
  interface ZodLike {
    readonly _output: any;
    safeParse(data: unknown): unknown;
  }

  export interface AiStepConfig<TSchema = unknown> {
    prompt: string;
    /** "anthropic" by default. Keys and addresses are configuration: ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, … */
    provider?: AiProvider;
    /** By default claude-sonnet-4-5-20250929, or gpt-4. */
    model?: AiModelId | (string & {});
    systemPrompt?: string;
    /** 0.7 by default; null leaves it to the model, some of which refuse to be told. */
    temperature?: number | null;
    maxTokens?: number;
    /** What the answer must look like: a JSON Schema, or a schema of zod 3 or 4. An answer that does not fit is asked for once more. */
    schema?: TSchema;
    /**
     * When the vendor says that a usage limit is reached: wait until it is over ("park", the default), give a result
     * with `success: false` ("fail"), or pause the run ("ask").
     */
    onUsageLimit?: "park" | "fail" | "ask";
  }

  export interface AiUsage {
    /** Without those that came from a cache. */
    inputTokens?: number;
    outputTokens?: number;
    totalTokens?: number;
    /** Of the output. */
    reasoningTokens?: number;
    cachedInputTokens?: number;
    cacheCreationTokens?: number;
  }

  export interface AiStepResult<T = { text: string }> extends StepResult<T> {
    result?: {
      /** "stop", "length", "content-filter", "tool-calls" or "other" */
      finishReason: string;
      /** Of the answer that was taken. */
      usage: AiUsage;
      /** Of all requests of the step. */
      totalUsage: AiUsage;
      [more: string]: unknown;
    };
  }

  export interface PreviewStepConfig {
    ports?: Record<string, number>;
    env?: Record<string, string>;
    dockerFilePath?: string;
    maxMemory?: string;
    maxCpus?: string;
  }

  export type PreviewStepResult = StepResult<{ containerId: string; status: string; urls: Record<string, string> }>;

  export interface SetupWorkspaceConfig {
    projectPath?: string;
    branch?: string;
    baseBranch?: string;
    /** Makes a worktree of this name instead of switching branches. */
    worktreeName?: string;
  }

  export interface WorkspaceResult {
    workingDir: string;
    branch: string;
    mode: "worktree" | "branch" | "stay";
    worktreePath?: string;
    worktreeName?: string;
    originalBranch?: string;
  }

  export interface CleanupWorkspaceConfig {
    worktreePath?: string;
    projectPath?: string;
    force?: boolean;
    [more: string]: unknown;
  }

  export interface StepLog {
    (...values: unknown[]): void;
    info(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
  }

  /** Ends with the signal of AbortController when the run is cancelled. */
  export interface CancelSignal {
    readonly aborted: boolean;
    readonly reason: unknown;
    throwIfAborted(): void;
    addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
    removeEventListener(type: "abort", listener: () => void): void;
  }

  export interface SentEvent {
    name: string;
    data?: unknown;
  }

  /** A step that is called without an id is named after its type, and numbered within its phase. */
  export interface WorkflowStep<TPhaseId extends string = string> {
    /** Runs a phase. */
    phase<T>(id: TPhaseId, fn: () => T | Promise<T>, options?: { description?: string }): Promise<T>;
    /** Marks the phase of what follows. */
    phase(id: TPhaseId): Promise<void>;

    agent<T = string>(id: string, config: AgentStepConfig, options?: StepOptions): Promise<AgentStepResult<T>>;
    agent<T = string>(config: AgentStepConfig, options?: StepOptions): Promise<AgentStepResult<T>>;

    cli(id: string, config: CliStepConfig, options?: StepOptions): Promise<CliStepResult>;
    cli(config: CliStepConfig, options?: StepOptions): Promise<CliStepResult>;

    git<const C extends GitStepConfig>(id: string, config: C, options?: StepOptions): Promise<GitResultOf<C>>;
    git<const C extends GitStepConfig>(config: C, options?: StepOptions): Promise<GitResultOf<C>>;

    artifact(id: string, config: ArtifactStepConfig, options?: StepOptions): Promise<ArtifactStepResult>;
    artifact(config: ArtifactStepConfig, options?: StepOptions): Promise<ArtifactStepResult>;

    annotation(id: string, config: AnnotationStepConfig): Promise<AnnotationStepResult>;
    annotation(config: AnnotationStepConfig): Promise<AnnotationStepResult>;

    log: StepLog;
    updateRun(fields: { pr_url?: string; [field: string]: unknown }): Promise<void>;

    /** Runs code that may touch the world, once: its result is recorded and given back by every replay. */
    run<T>(id: string, fn: (context: ClosureContext) => T | Promise<T>, options?: StepOptions): Promise<T>;
    run<T>(fn: (context: ClosureContext) => T | Promise<T>, options?: StepOptions): Promise<T>;

    /** Survives restarts. */
    sleep(id: string, duration: Duration): Promise<void>;
    /** A Date, an ISO text or milliseconds since 1970. */
    sleepUntil(id: string, time: Date | string | number): Promise<void>;

    /**
     * The next event of this name that the run has not taken yet, the oldest first: events that came since the run
     * was made are kept for it. Null when none comes in time.
     */
    waitForEvent<T = any>(id: string, options: WaitForEventOptions<T>): Promise<ProjectEvent<T> | null>;
    /** Sends events to everything in the project that waits for them, or is started by them. */
    sendEvent(id: string, event: SentEvent | readonly SentEvent[]): Promise<{ ids: string[] }>;
    /**
     * Runs another workflow and gives back its result. Throws an error named "ChildFailedError" or "CancelledError"
     * when it failed or was cancelled.
     */
    invoke<T = any>(id: string, options: InvokeOptions): Promise<T>;
    /** Waits until a person has decided, on the terminal or by `agentcmd approve` and `agentcmd deny`. */
    approve<const O extends string = string>(id: string, options: ApproveOptions<O>): Promise<Approval<O>>;

    /**
     * True for runs that come here after the change that `id` names, false for those whose history is older: so
     * that both can go on with one definition.
     */
    patched(id: string): boolean;
    /** Answers `agentcmd runs query` from what the workflow knows. The function may ask for nothing and not wait. */
    onQuery(name: string, answer: (args: any) => unknown): void;

    setupWorkspace(id: string, config?: SetupWorkspaceConfig, options?: StepOptions): Promise<WorkspaceResult>;
    setupWorkspace(config?: SetupWorkspaceConfig, options?: StepOptions): Promise<WorkspaceResult>;
    cleanupWorkspace(id: string, config?: CleanupWorkspaceConfig, options?: StepOptions): Promise<unknown>;
    cleanupWorkspace(config?: CleanupWorkspaceConfig, options?: StepOptions): Promise<unknown>;

    /** Runs functions side by side, at most `limit` at a time; results are in their order. */
    parallel<const T extends readonly (() => unknown)[]>(
      thunks: T,
      options?: { limit?: number },
    ): Promise<{ -readonly [K in keyof T]: Awaited<ReturnType<T[K]>> }>;
    /** Runs when the workflow has ended, however it did; last in, first out. */
    cleanup(fn: () => unknown): void;
    /** The same, on failure or cancellation only. */
    compensate(fn: () => unknown): void;
    readonly signal: CancelSignal;
    /** The recorded time, in milliseconds since 1970. */
    now(): number;

    /**
     * Asks a model once: a text, or with a schema an object that fits it. What the vendor refuses for good is a result
     * with `success: false`; too many requests, an overloaded service and a broken connection are tried again.
     */
    ai<S extends ZodLike>(
      id: string,
      config: AiStepConfig<S> & { schema: S },
      options?: StepOptions,
    ): Promise<AiStepResult<S["_output"]>>;
    ai<T = { text: string }>(id: string, config: AiStepConfig, options?: StepOptions): Promise<AiStepResult<T>>;

    // Not available in this version: calling it throws.
    preview(id: string, config?: PreviewStepConfig, options?: StepOptions): Promise<PreviewStepResult>;
  }

  // ---- Models

  export const MODELS: {
    readonly anthropic: {
      readonly HAIKU_3_5: "claude-3-5-haiku-20241022";
      readonly SONNET_3_7: "claude-3-7-sonnet-20250219";
      readonly SONNET_4_5: "claude-sonnet-4-5-20250929";
      readonly OPUS_4: "claude-opus-4-20250514";
      readonly OPUS_4_5: "claude-opus-4-5";
    };
    readonly openai: {
      readonly GPT_4: "gpt-4";
      readonly GPT_4_TURBO: "gpt-4-turbo";
      readonly GPT_4_O: "gpt-4o";
      readonly GPT_4_MINI: "gpt-4o-mini";
    };
  };
  export type AiProvider = keyof typeof MODELS;
  export type AnthropicModelId = (typeof MODELS.anthropic)[keyof typeof MODELS.anthropic];
  export type OpenaiModelId = (typeof MODELS.openai)[keyof typeof MODELS.openai];
  export type AiModelId = AnthropicModelId | OpenaiModelId;

  // ---- Slash commands

  /** Open, so that a project can add its own: declare module "agentcmd-workflows" { interface SlashCommandArgs { … } } */
  export interface SlashCommandArgs {
    "/cmd:add-spec": { specId: string };
    "/cmd:audit": { mode?: string; scope?: string };
    "/cmd:create-pr": { title?: string };
    "/cmd:generate-bug-spec": { context?: string };
    "/cmd:generate-feature-spec": { context?: string };
    "/cmd:generate-issue-spec": { context?: string };
    "/cmd:generate-prd": { context?: string };
    "/cmd:generate-spec": { context?: string };
    "/cmd:implement-spec": { specIdOrNameOrPath: string; format?: string };
    "/cmd:list-specs": { folder?: string; status?: string; "--search keyword"?: string; "--sort field"?: string };
    "/cmd:move-spec": { specIdOrNameOrPath: string; targetFolder: string };
    "/cmd:review-spec-implementation": { specIdOrNameOrPath: string; format?: string };
  }
  export type SlashCommandName = keyof SlashCommandArgs;
  export const SlashCommandArgOrder: Readonly<Record<SlashCommandName, readonly string[]>> &
    Readonly<Record<string, readonly string[]>>;
  /**
   * The name, then the arguments in their order, quoted as a shell does, which is how Claude Code reads them. One left
   * out in the middle is '', so that those behind it keep their places.
   */
  export function buildSlashCommand<T extends SlashCommandName>(name: T, args?: SlashCommandArgs[T]): string;
  export function buildSlashCommand(name: `/${string}`, args?: Record<string, unknown>): string;

  interface GeneratedSpecResponse {
    success: boolean;
    spec_folder: string;
    spec_file: string;
    spec_id: string;
    spec_type?: string;
    complexity: { total: string; avg: string };
    files_to_create: string[];
    files_to_modify: string[];
    next_command: string;
  }
  export interface CmdGenerateSpecResponse extends GeneratedSpecResponse {
    feature_name: string;
  }
  export interface CmdGenerateFeatureSpecResponse extends GeneratedSpecResponse {
    feature_name: string;
  }
  export interface CmdAddSpecResponse extends GeneratedSpecResponse {
    feature_name: string;
  }
  export interface CmdGenerateBugSpecResponse extends GeneratedSpecResponse {
    bug_name: string;
  }
  export interface CmdGenerateIssueSpecResponse extends GeneratedSpecResponse {
    issue_name: string;
  }
  export interface CmdGeneratePrdResponse {
    success: boolean;
    spec_id: string;
    spec_folder: string;
    prd_file: string;
    feature_name: string;
    next_command: string;
  }
  export interface CmdImplementSpecResponse {
    success: boolean;
    summary: string;
    spec_id: string;
    spec_file: string;
    feature_name: string;
    /** "completed", "partial" or "failed" */
    implementation_status: string;
    tasks: { total: number; completed: number; failed: number; skipped: number };
    complexity: { total_points: number; avg_per_task: number };
    files: { created: number; modified: number; deleted: number; paths: { created: string[]; modified: string[] } };
    changes: { total_lines_changed: number; lines_added: number; lines_removed: number };
    validation: {
      passed: boolean;
      checks: { build: boolean; type_check: boolean; lint: boolean; tests: boolean };
      failures: unknown[];
    };
    git: { diff_stat: string; commits: number };
    error: any;
  }
  export interface CmdReviewSpecImplementationResponse {
    success: boolean;
    review_iteration: number;
    max_iterations: number;
    max_iterations_reached: boolean;
    spec_path: string;
    branch: string;
    commits_reviewed: number;
    issues_found: number;
    previous_issues_resolved: number;
    priority_breakdown: { high: number; medium: number };
    categories: { missing_implementations: number; incomplete_implementations: number; code_quality: number };
    summary: string;
  }
  export interface CmdMoveSpecResponse {
    success: boolean;
    spec_id: string;
    spec_folder: string;
    old_path: string;
    new_path: string;
    old_folder: string;
    new_folder: string;
    old_status: string;
    new_status: string;
    message: string;
  }
  export interface CmdCreatePrResponse {
    success: boolean;
    pr_url: string;
    commit_sha: string;
    branch_name: string;
    title: string;
    body: string;
    message: string;
  }

  export interface CommandArgument {
    name: string;
    required: boolean;
  }
  export interface ResponseSchema {
    exampleJson: Record<string, unknown>;
    fieldDescriptions: Map<string, string>;
  }
  export interface CommandDefinition {
    name: string;
    description: string;
    arguments: CommandArgument[];
    responseSchema?: ResponseSchema;
  }
  export function parseArgumentHint(hint?: unknown): CommandArgument[];
  export function parseJsonResponseSchema(content: string): ResponseSchema | undefined;
  /** Of one file: its path below the commands folder, and what is in it. */
  export function parseSlashCommand(file: string, content: string): CommandDefinition;
  /** Reads every .md below the folder. */
  export function parseSlashCommands(folder: string): Promise<CommandDefinition[]>;
  export function generateSlashCommandTypesCode(commands: CommandDefinition[]): string;
  export function generateSlashCommandTypesFromDir(folder: string, output: string): Promise<void>;
  export function generateResponseTypeCode(command: string, schema: ResponseSchema, typeName?: string): string;
  export function commandNameToTypeName(command: string): string;
  export function commandNameToArgsTypeName(command: string): string;

  /** Thrown into what waits when a run is cancelled. */
  export class CancelledError extends Error {}
  export class TimeoutError extends Error {}
  /** Thrown by the function of a step.run: no other attempt would help. */
  export class NonRetryableError extends Error {
    constructor(message?: string, options?: { cause?: unknown });
  }
  /** Thrown by the function of a step.run: the next attempt, if one is left, comes after this time or at it. */
  export class RetryAfterError extends Error {
    constructor(message: string, after: Duration | Date, options?: { cause?: unknown });
    readonly retryAfter: number;
  }

  export const VERSION: string;
}

declare module "*/agentcmd-workflows/dist" {
  export * from "agentcmd-workflows";
}
declare module "*/agentcmd-workflows/src" {
  export * from "agentcmd-workflows";
}

declare const defineWorkflow: typeof import("agentcmd-workflows").defineWorkflow;
declare const defineSchema: typeof import("agentcmd-workflows").defineSchema;
declare const buildSlashCommand: typeof import("agentcmd-workflows").buildSlashCommand;
declare const SlashCommandArgOrder: typeof import("agentcmd-workflows").SlashCommandArgOrder;
declare const MODELS: typeof import("agentcmd-workflows").MODELS;
declare const CancelledError: typeof import("agentcmd-workflows").CancelledError;
declare const TimeoutError: typeof import("agentcmd-workflows").TimeoutError;
declare const NonRetryableError: typeof import("agentcmd-workflows").NonRetryableError;
declare const RetryAfterError: typeof import("agentcmd-workflows").RetryAfterError;

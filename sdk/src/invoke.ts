// step.invoke: another workflow of the project as a child of this run.

import { askFor, type Config, idOf } from "./ask";
import { membersOf, oneOf, textOf } from "./check";
import { milliseconds } from "./duration";
import { isWorkflow } from "./workflow";

export function invoke(first: unknown, second: unknown): Promise<unknown> {
  const id = idOf("invoke", first);
  const what = `step.invoke("${id}")`;
  const given = membersOf(second, what, ["workflow", "args", "timeout", "parentClose", "name"], 'an object, such as { workflow: "review" }');
  const { workflow, args = {}, timeout, parentClose = "cancel", name } = given;
  if (typeof args !== "object" || args === null || Array.isArray(args)) {
    throw new TypeError(`${what}: args must be an object, as event.data.args of the other workflow`);
  }
  oneOf(parentClose, ["cancel", "abandon"], `${what}: parentClose`);
  const config: Config = {
    workflow: isWorkflow(workflow) ? workflow.config.id : textOf(workflow, `${what}: workflow (an id)`),
    args,
    parentClose,
  };
  if (timeout !== undefined) config.timeout = milliseconds(timeout, `${what}: timeout`);
  if (name !== undefined) config.name = textOf(name, `${what}: name`);
  return askFor("invoke", id, { config });
}

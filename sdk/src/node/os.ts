// node:os: facts of the machine, so for closures only.

import { effectSync } from "agentcmd-core";

const fact = (name: string, give: (info: any) => unknown = (info) => info[name]) => {
  return (): unknown => give(effectSync(`os.${name}()`, "os.info", {}));
};

export const os: Record<string, unknown> = {
  EOL: "\n",
  devNull: "/dev/null",
  constants: { signals: { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 }, errno: {} },
  networkInterfaces: () => ({}),
  availableParallelism: fact("availableParallelism", (info) => info.cpus.length),
  userInfo: fact("userInfo", ({ username, uid, gid, shell, homedir }) => ({ username, uid, gid, shell, homedir })),
};
for (const name of [
  "platform",
  "type",
  "release",
  "version",
  "arch",
  "machine",
  "hostname",
  "homedir",
  "tmpdir",
  "endianness",
  "cpus",
  "totalmem",
  "freemem",
  "uptime",
  "loadavg",
]) {
  os[name] = fact(name);
}
os.default = os;

// Processes that we started, and no others.
//
// A network of nine processes is left behind easily: the test is killed, the terminal is closed, a fault stops a node
// for good. So every process has a pid file with its pid and the kernel's start time of that pid, and nothing is
// signalled whose start time differs: a pid that was given to somebody else meanwhile is never touched. The files
// survive the process that wrote them, so any later command (and the keeper) can find and end what is left.
//
// Linux only: start times come from /proc.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { spawn } from "node:child_process";
import { sleep } from "./wait.mjs";

/** State letter and start time of a live pid, or null. A zombie is dead: it only waits for its parent to look. */
export function look(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the name before it may hold spaces
    const [state, start] = [fields[0], fields[19]];
    return state === "Z" || state === "X" ? null : { state, start };
  } catch {
    return null;
  }
}

/**
 * Where we may (as root), our processes go before others: a block that is late because a compiler ran beside it would
 * be counted as somebody's fault. All of them alike, so that nothing is favoured among them. Each is a session of its
 * own, so where the kernel groups by session it is the group's priority that counts.
 */
function favour(pid) {
  const nice = os.constants.priority.PRIORITY_HIGH;
  try {
    os.setPriority(pid, nice);
    fs.writeFileSync(`/proc/${pid}/autogroup`, String(nice));
  } catch {
    // Not allowed here: then the machine had better be idle.
  }
}

/** The processes of one run directory. */
export class Own {
  constructor(dir) {
    this.dir = dir;
  }

  pidFile(name) {
    return path.join(this.dir, "pids", name);
  }

  logFile(name) {
    return path.join(this.dir, "logs", `${name}.log`);
  }

  /** Every name that has a pid file, whether it lives or not. */
  names() {
    try {
      return fs.readdirSync(path.join(this.dir, "pids")).sort();
    } catch {
      return [];
    }
  }

  /** {pid, state, start} of a live process of ours ("T" = stopped), or null. */
  alive(name) {
    let noted;
    try {
      noted = JSON.parse(fs.readFileSync(this.pidFile(name), "utf8"));
    } catch {
      return null;
    }
    const now = look(noted.pid);
    return now && now.start === noted.start ? { pid: noted.pid, ...now } : null;
  }

  running(name) {
    const found = this.alive(name);
    return Boolean(found) && found.state !== "T";
  }

  /** Starts `argv` with its output appended to the log of `name`. Already running: nothing happens. */
  start(name, argv, env = {}) {
    if (this.alive(name)) return false;
    fs.mkdirSync(path.join(this.dir, "pids"), { recursive: true });
    fs.mkdirSync(path.join(this.dir, "logs"), { recursive: true });
    const home = path.join(this.dir, name);
    fs.mkdirSync(home, { recursive: true });
    const log = fs.openSync(this.logFile(name), "a");
    const inherited = { ...process.env };
    delete inherited.NODE_OPTIONS; // whoever runs the test may use them; the nodes must not
    const child = spawn(argv[0], argv.slice(1), {
      cwd: home,
      env: { ...inherited, ...env },
      detached: true, // a group of its own: Ctrl-C of the test reaches the test, which then ends the network in order
      stdio: ["ignore", log, log],
    });
    fs.closeSync(log);
    child.on("error", () => {}); // reported below, and by whoever waits for the process
    if (!child.pid) throw new Error(`cannot start ${name}: ${argv[0]}`);
    child.unref();
    const now = look(child.pid);
    if (!now) throw new Error(`${name} ended at once, see ${this.logFile(name)}`);
    favour(child.pid);
    fs.writeFileSync(this.pidFile(name), JSON.stringify({ pid: child.pid, start: now.start }));
    return true;
  }

  /** Signals a process of ours; false if it is not there (any more). */
  signal(name, signal) {
    const found = this.alive(name);
    if (!found) return false;
    try {
      process.kill(found.pid, signal);
      return true;
    } catch {
      return false; // it ended between the look and the signal
    }
  }

  /** Kills at once and waits until the kernel has done it. */
  async kill(name) {
    const hit = this.signal(name, "SIGKILL");
    while (this.alive(name)) await sleep(10);
    return hit;
  }

  /** Asks to end, asks again, then kills. Lodestar closes on the first SIGTERM but often stays until the second. */
  async stop(names) {
    for (const [signal, patience] of [["SIGTERM", 3000], ["SIGTERM", 3000], ["SIGKILL", 5000]]) {
      const left = names.filter((name) => this.alive(name));
      if (left.length === 0) return;
      for (const name of left) {
        this.signal(name, signal);
        this.signal(name, "SIGCONT"); // a stopped process cannot hear
      }
      const end = Date.now() + patience;
      while (Date.now() < end && left.some((name) => this.alive(name))) await sleep(50);
    }
  }

  /** The last lines of a log, for a failure's message. */
  tail(name, lines = 20) {
    try {
      return fs.readFileSync(this.logFile(name), "utf8").trimEnd().split("\n").slice(-lines)
        .map((line) => line.slice(0, 400)).join("\n");
    } catch {
      return "(no log)";
    }
  }
}

/**
 * Loaded into a child process before its own code (`--import`): measures how much CPU time the process uses
 * between two turns of its event loop. CPU time, not wall-clock time: other processes on the machine do not
 * count. Asked over IPC; each answer begins a new measurement.
 */

export interface LoopReport {
  /** The most CPU time between two turns, in milliseconds. */
  longestTurnMs: number;
  /** Resident memory in bytes, without garbage when node runs with --expose-gc. */
  residentBytes: number;
}

const intervalMs = 1;
let longestMicros = 0;
let last = process.cpuUsage();

function turn(): void {
  const now = process.cpuUsage();
  // System time is mostly page faults and the kernel's TLS; user time is what code takes.
  longestMicros = Math.max(longestMicros, now.user - last.user);
  last = now;
}

setInterval(turn, intervalMs).unref();

process.on('message', (message) => {
  if (message !== 'report') return;
  turn();
  const longestTurnMs = longestMicros / 1000;
  globalThis.gc?.();
  const report: LoopReport = {
    longestTurnMs,
    residentBytes: process.memoryUsage.rss(),
  };
  longestMicros = 0;
  last = process.cpuUsage();
  process.send?.(report);
});
// Listening to messages keeps a process alive that would end otherwise.
process.channel?.unref();

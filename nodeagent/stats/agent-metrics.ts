/** GET /metrics: how the agent itself is doing, as Prometheus text. Pure but for its own process. */
import type { TaskRecord } from '../task/task-record.ts';

export function agentMetrics(records: readonly TaskRecord[]): string {
  const containers = records.flatMap((record) => record.containers);
  const running = containers.filter(({ life }) => life.state === 'running').length;
  const restarts = containers.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const { user, system } = process.cpuUsage();
  const metrics = [
    ['gantry_agent_tasks', 'gauge', records.length],
    ['gantry_agent_containers_running', 'gauge', running],
    ['gantry_agent_container_restarts', 'gauge', restarts],
    ['process_cpu_seconds_total', 'counter', (user + system) / 1e6],
    ['process_resident_memory_bytes', 'gauge', process.memoryUsage.rss()],
  ] as const;
  return metrics.map(([name, type, value]) => `# TYPE ${name} ${type}\n${name} ${value}\n`).join('');
}

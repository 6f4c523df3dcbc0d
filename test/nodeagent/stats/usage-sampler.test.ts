import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import type { Cgroups, GroupUsage } from '../../../nodeagent/cgroup/cgroups.ts';
import { resourceMetrics } from '../../../nodeagent/stats/resource-metrics.ts';
import { summary } from '../../../nodeagent/stats/summary.ts';
import { UsageSampler } from '../../../nodeagent/stats/usage-sampler.ts';
import type { TaskRecord } from '../../../nodeagent/task/task-record.ts';
import { groupUsage, record, task, testUid } from '../../kit/nodeagent-objects.ts';

function sampler() {
  const clock = new VirtualClock(1_000_000);
  const groups = new Map<string, Partial<GroupUsage>>();
  const running = { state: 'running' as const, cid: 'c1', pid: 1, startedAtMs: 1_000_000 };
  const records: TaskRecord[] = [record(task(), {}, { life: running })];
  const usage = new UsageSampler({
    cgroups: { usage: (path: string) => groupUsage(groups.get(path)) } as Cgroups,
    cgroupParent: '/n1',
    sharedMachine: true,
    records: () => records,
    directoriesOf: () => ({ volumes: new Map(), logs: new Map(), others: [] }),
    filesOf: (cid) => `/c/${cid}`,
    logger: silentLogger,
    clock,
  });
  async function measure(afterMs: number, cpuNanos: number): Promise<void> {
    const counters = { cpuNanos, workingSetBytes: 4096, memoryBytes: 5000, rssBytes: 3000, pids: 2 };
    for (const path of ['/n1', `/n1/${testUid}`, `/n1/${testUid}/c1`]) groups.set(path, counters);
    await clock.advance(afterMs);
    await usage.refresh();
  }
  return { usage, measure, records };
}

describe('usage', () => {
  it('of a task is measured from its beginning', async () => {
    const { usage, measure } = sampler();
    await measure(10_000, 5e9);
    const [first] = usage.tasks();
    expect(first?.measured.cpuMilli).toBe(500);
    expect(first?.containers).toMatchObject([{ name: 'main', measured: { cpuMilli: 500 } }]);
  });

  it('is not measured again within two seconds', async () => {
    const { usage, measure } = sampler();
    await measure(10_000, 5e9);
    await measure(1000, 9e9);
    expect(usage.tasks()[0]?.measured.usage.cpuNanos).toBe(5e9);
  });

  it('of a task whose containers have ended is forgotten', async () => {
    const { usage, measure, records } = sampler();
    await measure(10_000, 5e9);
    records.splice(0);
    await measure(10_000, 5e9);
    expect(usage.tasks()).toEqual([]);
    expect(usage.statusOf(testUid)).toBeUndefined();
  });

  it('is summed up for the status once there is half a minute of it', async () => {
    const { usage, measure } = sampler();
    await measure(10_000, 5e9);
    await measure(10_000, 6e9);
    expect(usage.statusOf(testUid)).toBeUndefined();
    await measure(20_000, 8e9);
    expect(usage.statusOf(testUid)).toMatchObject({
      windowSeconds: 30,
      p50: { cpu: '100m', memory: '4Ki' },
      peak: { cpu: '500m', memory: '4Ki' },
    });
  });

  it("is told in kubelet's shapes", async () => {
    const { usage, measure } = sampler();
    await measure(10_000, 5e9);
    await measure(10_000, 6e9);
    const fileSystem = { capacityBytes: 100, availableBytes: 40, inodes: 10, inodesFree: 5 };
    const facts = { nodeName: 'n1', node: usage.node(), tasks: usage.tasks(), fileSystem, maxProcesses: 99 };
    const cpu = { usageNanoCores: 100_000_000, usageCoreNanoSeconds: 6e9 };
    const memory = { usageBytes: 5000, workingSetBytes: 4096, rssBytes: 3000 };
    expect(summary(facts)).toMatchObject({
      node: { nodeName: 'n1', cpu, memory, fs: { usedBytes: 60 }, rlimit: { maxpid: 99, curproc: 2 } },
      pods: [
        {
          podRef: { name: 'web-0-0', namespace: 'default', uid: testUid },
          cpu,
          memory,
          containers: [{ name: 'main', cpu, memory }],
          process_stats: { process_count: 2 },
        },
      ],
    });
    const text = resourceMetrics(usage.node(), usage.tasks());
    expect(text).toContain('\nnode_memory_working_set_bytes 4096\n');
    expect(text).toContain(
      '\ncontainer_cpu_usage_seconds_total{container="main",namespace="default",pod="web-0-0"} 6\n',
    );
    expect(text).toContain('\nresource_scrape_error 0\n');
  });
});

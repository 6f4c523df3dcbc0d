/** Containers added to a running task: they come and go, and the task takes no notice. */
import { describe, expect, it } from 'vitest';
import { processHook } from '../../nodeagent/hooks/process.ts';
import { decideTask } from '../../nodeagent/task/decide-task.ts';
import { decideRestart, restartPolicyOf } from '../../nodeagent/task/restart-policy.ts';
import {
  addEphemeral,
  type ContainerLife,
  newRecord,
  type TaskRecord,
} from '../../nodeagent/task/task-record.ts';
import { taskStatus } from '../../nodeagent/task/task-status.ts';
import { container, task } from '../kit/nodeagent-objects.ts';

const waiting: ContainerLife = { state: 'waiting', reason: 'ContainerCreating', retryAtMs: 0 };
const running: ContainerLife = { state: 'running', cid: 'c', pid: 7, startedAtMs: 0 };
const ended = (exitCode: number): ContainerLife => ({
  state: 'ended',
  termination: { cid: 'c', exitCode, reason: 'Completed', finishedAtMs: 5000 },
});

function recordOf(main: ContainerLife, debugger_: ContainerLife): TaskRecord {
  const record = newRecord(task(), 0);
  const ephemeralContainers = [{ ...container({ name: 'dbg' }), targetContainerName: 'main' }];
  record.task = task({ spec: { ephemeralContainers } });
  addEphemeral(record);
  addEphemeral(record);
  for (const [index, life] of [main, debugger_].entries()) record.containers[index]!.life = life;
  return record;
}

const stepsOf = (record: TaskRecord): string[] =>
  decideTask(record, 6000).steps.map((step) =>
    step.do === 'clean' ? 'clean' : `${step.do} ${step.container.name}`,
  );

describe('an ephemeral container', () => {
  it('is taken on once', () => {
    expect(recordOf(running, waiting).containers.map(({ name, role }) => [name, role])).toEqual([
      ['main', undefined],
      ['dbg', 'ephemeral'],
    ]);
  });

  it.each<[string, ContainerLife, ContainerLife, string[]]>([
    ['starts at once', running, waiting, ['start dbg']],
    ['keeps no other from starting', waiting, ended(1), ['start main']],
    ['ends with the last main container', ended(0), running, ['signal dbg']],
    ['is not started any more then', ended(0), waiting, ['abandon dbg']],
    ['leaves nothing behind', ended(0), ended(137), ['clean']],
  ])('%s', (_fact, main, debugger_, steps) => {
    expect(stepsOf(recordOf(main, debugger_))).toEqual(steps);
  });

  it('is never started again', () => {
    const policy = restartPolicyOf({ restartPolicy: 'Always' }, { role: 'ephemeral' });
    expect(decideRestart(policy, { failures: 0 }, { exitCode: 1, finishedAtMs: 1 })).toEqual({
      restart: false,
    });
  });

  it('says nothing about how its task is doing', () => {
    const status = taskStatus(recordOf(running, ended(1)), '10.0.0.1', 0);
    expect(status).toMatchObject({
      phase: 'Running',
      containerStatuses: [{ name: 'main', ready: true }],
      ephemeralContainerStatuses: [{ name: 'dbg', state: { terminated: { exitCode: 1 } } }],
    });
    expect(status.initContainerStatuses).toBeUndefined();
    expect(status.conditions?.map(({ status: each }) => each)).toEqual(['True', 'True', 'True', 'True']);
    expect(taskStatus(recordOf(ended(0), ended(1)), '10.0.0.1', 0).phase).toBe('Succeeded');
  });

  it.each<[string, ContainerLife, object]>([
    ['sees the processes of its target', running, { processesOf: 7 }],
    ['waits for its target to run', waiting, {}],
  ])('%s', async (_fact, main, spec) => {
    const record = recordOf(main, waiting);
    const start = {
      record,
      container: record.task.spec.ephemeralContainers![0]!,
      imageConfig: {},
      root: { from: 'host' },
      spec: {},
      node: { cgroups: {} },
    } as unknown as Parameters<typeof processHook>[0];
    const refusal = await processHook(start);
    expect(start.spec).toMatchObject(spec);
    expect(refusal?.message).toBe(
      main === waiting ? 'waits for container main, which does not run' : undefined,
    );
  });
});

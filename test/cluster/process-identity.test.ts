import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../api/meta/clock.ts';
import { identify, isAlive, signal, terminate } from '../../cluster/process-identity.ts';

const children: ChildProcess[] = [];

function start(script: string): number {
  const child = spawn('sh', ['-c', script], { stdio: 'ignore' });
  children.push(child);
  return child.pid as number;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe('a process identity', () => {
  it('is the same for the same process and tells it from another with its pid', () => {
    const pid = start('sleep 100');
    const identity = identify(pid);
    expect(identity).toEqual(identify(pid));
    expect(isAlive({ pid, startTime: '1' })).toBe(false);
    expect(signal({ pid, startTime: '1' }, 'SIGKILL')).toBe(false);
    expect(identity && isAlive(identity)).toBe(true);
  });

  it('is dead when the process has ended', async () => {
    const child = spawn('true', { stdio: 'ignore' });
    const identity = identify(child.pid as number);
    await once(child, 'exit');
    expect(identity && isAlive(identity)).toBeFalsy();
    expect(identify(child.pid as number)).toBeUndefined();
  });

  it('is terminated even when the process does not listen', async () => {
    const identity = identify(start("trap '' TERM; while true; do sleep 0.05; done"));
    if (!identity) throw new Error('the process is gone');
    await terminate(identity, 100, systemClock);
    expect(isAlive(identity)).toBe(false);
  });
});

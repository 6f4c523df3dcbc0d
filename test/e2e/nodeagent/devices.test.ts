import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DevicePool } from '../../../nodeagent/devices/device-pool.ts';
import { LocalAgent } from './local-agent.ts';

describe('a task that wants a device', () => {
  const agent = new LocalAgent();
  const deviceNodes = [{ path: '/dev/gpu0', hostPath: '/dev/null' }];
  const edits = [{ env: ['GPU=gpu0'], deviceNodes }];
  const gpu = { resource: 'example.com/gpu', name: 'gpu0', edits };
  beforeAll(() => agent.up({ devices: new DevicePool([gpu], () => []) }));
  afterAll(() => agent.remove());

  it('finds it, may use it, and others do not', async () => {
    const command = ['sh', '-c', 'test -c /dev/gpu0 && test "$GPU" = gpu0 && exec 3< /dev/gpu0'];
    const resources = { limits: { 'example.com/gpu': '1' }, requests: { 'example.com/gpu': '1' } };
    await agent.create('has', { command, resources }, { restartPolicy: 'Never' });
    await agent.create('lacks', { command }, { restartPolicy: 'Never' });
    expect((await agent.over('has')).status.phase).toBe('Succeeded');
    expect((await agent.over('lacks')).status.phase).toBe('Failed');
  });
});

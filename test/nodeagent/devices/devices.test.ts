import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../api/meta/logger.ts';
import { type Device, qualifiedName, readDevices } from '../../../nodeagent/devices/cdi-spec.ts';
import { DevicePool } from '../../../nodeagent/devices/device-pool.ts';
import { deviceParts } from '../../../nodeagent/runtime/oci/device-edits.ts';
import type { TaskRecord } from '../../../nodeagent/task/task-record.ts';
import { container, record, task } from '../../kit/nodeagent-objects.ts';

const directory = mkdtempSync(join(tmpdir(), 'gantry-cdi-'));
afterAll(() => rmSync(directory, { recursive: true }));

const gpu = (name: string): Device => ({
  resource: 'example.com/gpu',
  name,
  edits: [{ env: [`GPU=${name}`] }],
});
const wants = (count: string) => container({ resources: { limits: { 'example.com/gpu': count } } });

describe('device files', () => {
  let devices: Device[] = [];
  beforeAll(async () => {
    const spec = {
      cdiVersion: '0.6.0',
      kind: 'example.com/gpu',
      containerEdits: { env: ['DRIVER=1'] },
      devices: [
        { name: 'gpu0', containerEdits: { deviceNodes: [{ path: '/dev/gpu0', hostPath: '/dev/kmsg' }] } },
        { name: 'all', containerEdits: {} },
      ],
    };
    writeFileSync(join(directory, 'gpu.json'), JSON.stringify(spec));
    writeFileSync(join(directory, 'nic.yaml'), 'kind: example.com/nic\ndevices: [{name: eth1}]\n');
    writeFileSync(join(directory, 'broken.json'), '{"kind":');
    writeFileSync(join(directory, 'nameless.json'), '{"kind":"example.com/x","devices":[{"name":"../x"}]}');
    writeFileSync(join(directory, 'notes.txt'), 'kind: example.com/none');
    devices = await readDevices([directory, '/nowhere'], silentLogger);
  });

  it('name what a node has, in JSON and YAML; broken ones are passed over', () => {
    expect(devices.map(qualifiedName)).toEqual(['example.com/gpu=gpu0', 'example.com/nic=eth1']);
    expect(new DevicePool(devices, () => []).capacity()).toEqual({
      'example.com/gpu': '1',
      'example.com/nic': '1',
    });
  });

  it("become a container's configuration, with numbers from the node", async () => {
    const parts = await deviceParts(devices[0]?.edits ?? []);
    expect(parts.env).toEqual(['DRIVER=1']);
    expect(parts.devices).toMatchObject([{ path: '/dev/gpu0', type: 'c', major: 1, minor: 11 }]);
    expect(parts.rules).toEqual([{ allow: true, type: 'c', major: 1, minor: 11, access: 'rwm' }]);
  });

  it('may add mounts and hooks', async () => {
    const hook = { hookName: 'createContainer', path: '/bin/hook', args: ['hook'] };
    const mounts = [{ hostPath: '/usr/lib/gpu', containerPath: '/gpu' }];
    const parts = await deviceParts([{ mounts, hooks: [hook] }]);
    expect(parts.hooks).toEqual({ createContainer: [{ path: '/bin/hook', args: ['hook'] }] });
    expect(parts.mounts).toMatchObject([{ destination: '/gpu', source: '/usr/lib/gpu', type: 'bind' }]);
  });
});

describe('devices', () => {
  it('are given to one container at a time', () => {
    const [one, other] = [record(), record(task())];
    const records: TaskRecord[] = [one, other];
    const pool = new DevicePool([gpu('a'), gpu('b')], () => records);
    expect(pool.assign(wants('2'), one.containers[0]!)).toEqual([{ env: ['GPU=a'] }, { env: ['GPU=b'] }]);
    expect(pool.assign(wants('1'), other.containers[0]!)).toBeUndefined();
    records.splice(0, 1);
    expect(pool.assign(wants('1'), other.containers[0]!)).toEqual([{ env: ['GPU=a'] }]);
  });

  it('stay with their container over restarts', () => {
    const [one, other] = [record(), record(task())];
    const records: TaskRecord[] = [one];
    const pool = new DevicePool([gpu('a'), gpu('b')], () => records);
    other.containers[0]!.devices = ['example.com/gpu=b'];
    records.push(other);
    expect(pool.assign(wants('1'), one.containers[0]!)).toEqual([{ env: ['GPU=a'] }]);
    expect(pool.assign(wants('1'), other.containers[0]!)).toEqual([{ env: ['GPU=b'] }]);
  });

  it('that nobody describes are counted, and nothing more', () => {
    const pool = new DevicePool([], () => []);
    expect(pool.assign(wants('1'), record().containers[0]!)).toEqual([]);
  });

  it('that are shared are told by name, counted in thousandths, and given as the bind says', () => {
    const pool = new DevicePool([gpu('a'), gpu('b')], () => [], ['example.com/gpu']);
    expect(pool.shared()).toEqual([{ name: 'example.com/gpu=a' }, { name: 'example.com/gpu=b' }]);
    expect(pool.capacity()).toEqual({ 'gantry.dev/gpu-milli': '2000' });
    const part = container({ resources: { limits: { 'gantry.dev/gpu-milli': '300' } } });
    const own = record().containers[0]!;
    expect(pool.assign(part, own, { devices: { 'example.com/gpu=b': 300 } })).toEqual([{ env: ['GPU=b'] }]);
    expect(pool.assign(container(), own, { devices: { 'example.com/gpu=b': 300 } })).toEqual([]);
    expect(pool.assign(part, own, { devices: { 'example.com/gpu=gone': 300 } })).toBeUndefined();
  });
});

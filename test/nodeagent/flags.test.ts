import { describe, expect, it } from 'vitest';
import { parseFlags } from '../../nodeagent/flags.ts';

const required = [
  ...['--kubeconfig', 'k', '--name', 'n1', '--root-dir', '/r', '--run-dir', '/run/r'],
  ...['--address', '10.0.0.1', '--port', '10250', '--pki-dir', '/pki'],
];

describe('the flags of the agent', () => {
  it('have defaults for everything that is not required', () => {
    expect(parseFlags(required)).toMatchObject({
      driver: 'auto',
      logDirectory: '/r/logs',
      imageDirectory: '/r/images',
      cgroupParent: '/gantry/n1',
      leaseDurationSeconds: 20,
      allowedHostPaths: [],
      capacity: {},
    });
  });

  it('read capacity and labels', () => {
    const flags = parseFlags([...required, '--capacity', 'cpu=1500m,memory=1024Mi', '--labels', 'zone=a']);
    expect(flags).toMatchObject({ capacity: { cpu: '1500m', memory: '1Gi' }, labels: { zone: 'a' } });
  });

  it.each([
    [['--driver', 'podman'], /--driver/],
    [['--port', 'x'], /--port/],
    [['--capacity', 'cpu'], /--capacity/],
    [['--capacity', 'cpu=much'], /quantity/],
    [['--labels', 'a b=c'], /--labels/],
    [['--cpu-policy', 'greedy'], /--cpu-policy/],
    [['--nonsense'], /nonsense/],
  ])('refuse %j', (args, message) => {
    expect(() => parseFlags([...required, ...args])).toThrow(message);
  });

  it('name the one that is missing', () => {
    expect(() => parseFlags([])).toThrow('--kubeconfig is required');
  });
});

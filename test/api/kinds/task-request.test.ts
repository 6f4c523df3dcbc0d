import { describe, expect, test } from 'vitest';
import { taskHostPorts, taskRequests } from '../../../api/kinds/task-request.ts';
import type { Container, InitContainer } from '../../../api/kinds/task-spec.ts';

const main = (cpu: string): Container => ({ name: 'main', resources: { requests: { cpu } } });
const init = (cpu: string): InitContainer => ({ name: 'init', resources: { requests: { cpu } } });
const sidecar = (cpu: string): InitContainer => ({ ...init(cpu), restartPolicy: 'Always' });

describe('taskRequests', () => {
  test.each([
    ['main containers are summed', [main('1'), main('2')], [], 3000],
    ['an init container counts where it is more', [main('1')], [init('2')], 2000],
    ['and not where it is less', [main('3')], [init('2'), init('1')], 3000],
    ['the largest init container counts', [main('1')], [init('2'), init('4')], 4000],
    ['sidecars run beside the main ones', [main('1')], [sidecar('2')], 3000],
    ['an init container runs beside the sidecars before it', [main('1')], [sidecar('2'), init('3')], 5000],
    ['not beside those after it', [main('1')], [init('3'), sidecar('1')], 3000],
    ['several sidecars are summed', [main('1')], [sidecar('2'), init('1'), sidecar('3')], 6000],
  ])('%s', (_fact, containers, initContainers, cpu) => {
    expect(taskRequests({ containers, initContainers })).toEqual({ cpu, pods: 1 });
  });
});

describe('taskHostPorts', () => {
  test('names a port that an init container shares with a main one once', () => {
    const ports = [{ containerPort: 80, protocol: 'TCP' as const }];
    const containers = [{ ...main('1'), ports }];
    expect(taskHostPorts({ containers, initContainers: [{ ...init('1'), ports }] })).toEqual(['TCP/80']);
  });
});

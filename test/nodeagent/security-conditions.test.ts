import { describe, expect, it } from 'vitest';
import type { TaskSpec } from '../../api/kinds/task.ts';
import { securityConditions } from '../../nodeagent/security-conditions.ts';
import { freeUserBase, wantsOwnUsers } from '../../nodeagent/task/user-range.ts';
import { container } from '../kit/nodeagent-objects.ts';

describe('the conditions of a node', () => {
  it.each([
    ['runc://1.1.5', 'True'],
    ['runc://1.2.7', 'True'],
    ['runc://1.2.8', 'False'],
    ['runc://1.3.2', 'True'],
    ['runc://1.3.3', 'False'],
    ['runc://1.4.0', 'False'],
    ['plain', 'Unknown'],
  ])('say of %s whether it has known holes', (runtimeVersion, status) => {
    const conditions = securityConditions({ runtimeVersion, userNamespaceProblem: undefined });
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'RuntimeVulnerable', status }));
  });

  it('say why containers have no users of their own', () => {
    const [users] = securityConditions({ runtimeVersion: '', userNamespaceProblem: 'no perl' });
    expect(users).toMatchObject({ status: 'False', message: expect.stringContaining('no perl') });
  });
});

describe('the users of a task', () => {
  it('are in a range that nobody else on the node has, and lie above those of the node', () => {
    const taken = new Set<number>();
    for (let task = 0; task < 500; task++) taken.add(freeUserBase(`uid-${task}`, taken));
    expect(taken.size).toBe(500);
    expect(Math.min(...taken)).toBeGreaterThanOrEqual(1_048_576);
    expect(Math.max(...taken) + 65_535).toBeLessThan(2 ** 32 - 1);
  });

  const wants = (spec: Partial<TaskSpec>, changes = {}, uid = 0): boolean =>
    wantsOwnUsers({ containers: [container()], ...spec } as TaskSpec, container(changes), {
      root: { from: 'image', rootfs: '/img', digest: 'sha256:0' },
      user: { uid, gid: 0 },
    });

  it("are its own by default, and the node's where it needs something of the node", () => {
    expect(wants({})).toBe(true);
    expect(wants({ hostUsers: true })).toBe(false);
    expect(wants({ hostNetwork: false })).toBe(false);
    expect(wants({}, { securityContext: { privileged: true } })).toBe(false);
    expect(wants({}, {}, 100_000)).toBe(false);
    const low = container({ ports: [{ containerPort: 80, hostPort: 8080, protocol: 'TCP' }] });
    expect(wants({ containers: [low] })).toBe(false);
    expect(wants({ containers: [low], hostUsers: false })).toBe(true);
  });
});

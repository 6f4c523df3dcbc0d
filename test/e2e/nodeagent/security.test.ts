/** What a task cannot do to its node, tried from inside. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret, type Task } from '../../../api/kinds/resources.ts';
import type { Container } from '../../../api/kinds/task-spec.ts';
import { LocalAgent } from './local-agent.ts';

describe('a task', () => {
  const agent = new LocalAgent();
  beforeAll(async () => {
    await agent.up();
    const data = { key: Buffer.from('for me alone').toString('base64') };
    await agent.client.create(Secret, { metadata: { name: 'mine', namespace: 'default' }, data });
  });
  afterAll(() => agent.remove());

  /** What a script says. */
  async function says(
    name: string,
    script: string,
    container: Partial<Container> = {},
    spec: Partial<Task['spec']> = {},
  ): Promise<string> {
    const words = { restartPolicy: 'Never' as const, ...spec };
    await agent.create(name, { command: ['sh', '-c', script], ...container }, words);
    const task = await agent.over(name);
    const text = readFileSync(agent.logOf(task, 'main'), 'utf8');
    await agent.delete(name);
    return text.replaceAll(/^\S+ std(out|err) [FP] /gm, '');
  }

  it('has root that is not root of the node, and files of its own all the same', async () => {
    const text = await says(
      'users',
      'id -u; cat /proc/self/uid_map; touch /data/new /root/own && stat -c %u /data/new; cat /secret/key; echo; echo done > /dev/termination-log',
      {
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'secret', mountPath: '/secret' },
        ],
      } as Partial<Container>,
      {
        volumes: [
          { name: 'data', emptyDir: {} },
          { name: 'secret', secret: { secretName: 'mine', defaultMode: 0o400 } },
        ],
      } as Partial<Task['spec']>,
    );
    const [uid, map, owner, secret] = text.split('\n');
    expect(uid).toBe('0');
    expect(Number(map?.trim().split(/ +/)[1])).toBeGreaterThanOrEqual(1_048_576);
    expect(owner).toBe('0');
    expect(secret).toBe('for me alone');
  });

  it('with hostUsers: true has those of the node', async () => {
    expect(await says('hostusers', 'cat /proc/self/uid_map', {}, { hostUsers: true })).toMatch(
      /0 +0 +4294967295/,
    );
  });

  it.each([
    ['own users', undefined],
    ['the users of the node', true],
  ])(
    'with %s cannot mount, make namespaces, load modules, write to /proc/sys, or see processes of others',
    async (_users, hostUsers) => {
      const tries = [
        'mount -t tmpfs none /home',
        'unshare -m true',
        'insmod /etc/passwd',
        'echo 1 > /proc/sys/kernel/sysrq',
        'echo c > /proc/sysrq-trigger',
        'touch /sys/kernel/new',
        'mknod /tmp/sda b 8 0',
        'chroot / true',
        'kill -0 2',
        'cat /proc/kcore | head -c 1 | grep .',
        'nc -z 127.0.0.1 1 -x',
        'hostname other',
      ];
      const script = tries.map((each, index) => `(${each}) 2>/dev/null && echo "did ${index}"`).join('; ');
      const spec = hostUsers === undefined ? {} : { hostUsers };
      const text = await says(
        'tries',
        `${script}; ls /proc | grep -c "^[0-9]"; grep Seccomp: /proc/self/status`,
        {},
        spec,
      );
      expect(text).not.toContain('did');
      expect(Number(text.split('\n')[0])).toBeLessThan(6);
      expect(text).toMatch(/Seccomp:\s+2/);
    },
  );

  it('gains nothing by a set-user-id program, unless it may', async () => {
    const script = 'cp /bin/busybox /tmp/id; chmod 4755 /tmp/id; grep NoNewPrivs /proc/self/status';
    expect(await says('suid', script)).toMatch(/NoNewPrivs:\s+1/);
    const may = { securityContext: { allowPrivilegeEscalation: true } };
    expect(await says('may', script, may)).toMatch(/NoNewPrivs:\s+0/);
  });

  it('runs as whom it says, in the groups it says, and not as root where that is forbidden', async () => {
    const spec = { securityContext: { runAsUser: 7, fsGroup: 20, supplementalGroups: [30] } };
    expect(await says('groups', 'id -u; id -G', {}, spec)).toMatch(/^7\n0 20 30/);
    await agent.create('root', { command: ['true'], securityContext: { runAsNonRoot: true } });
    await agent.until('root', 'it is refused', ({ status }) => {
      const waiting = status.containerStatuses?.[0]?.state.waiting;
      return waiting?.reason === 'CreateContainerConfigError' && /runAsNonRoot/.test(waiting.message ?? '');
    });
    await agent.delete('root');
  });

  it('may be filtered by a profile of the node, or by none', async () => {
    const directory = join(agent.rootDirectory, 'seccomp');
    mkdirSync(directory, { recursive: true });
    const rules = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }];
    writeFileSync(
      join(directory, 'strict.json'),
      JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: rules }),
    );
    const script = 'mkdir /tmp/x && echo made; grep Seccomp: /proc/self/status';
    const withProfile = (seccompProfile: object): Partial<Container> =>
      ({ securityContext: { seccompProfile } }) as Partial<Container>;
    expect(
      await says('strict', script, withProfile({ type: 'Localhost', localhostProfile: 'strict.json' })),
    ).not.toContain('made');
    expect(await says('free', script, withProfile({ type: 'Unconfined' }))).toMatch(/made\nSeccomp:\s+0/);
    const missing = withProfile({ type: 'Localhost', localhostProfile: 'missing.json' });
    await agent.create('missing', { command: ['true'], ...missing }, { restartPolicy: 'Never' });
    expect((await agent.over('missing')).status.message).toMatch(/missing\.json cannot be used/);
    await agent.delete('missing');
  });

  it('that is privileged sees the node as it is', async () => {
    const container = { securityContext: { privileged: true } };
    const text = await says(
      'privileged',
      'grep -E "Seccomp:|CapEff" /proc/self/status; ls /dev | wc -l; mount -t tmpfs none /home && echo mounted',
      container,
    );
    expect(text).toContain('mounted');
  });
});

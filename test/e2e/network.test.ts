/** Names, addresses and networks of tasks on a real cluster of two nodes. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { EndpointSlice, Service, Task } from '../../api/kinds/resources.ts';
import { isAllottedPort } from '../../api/kinds/task-request.ts';
import { namespacePath } from '../../cluster/network.ts';
import { LocalCluster } from './local-cluster.ts';

const cluster = new LocalCluster('network');
const eventually = { timeout: 30_000, interval: 100 };

beforeAll(async () => {
  await cluster.up('--nodes', '2', '-f', 'manifests/11-service-names.yaml');
});
afterAll(async () => {
  await cluster.remove();
  expect(cluster.traces()).toEqual([]);
});

const inVisitor = (...command: string[]) => inTask('visitor-0-0', ...command);

/** What the command printed; a failing one is no error. */
async function inTask(task: string, ...command: string[]): Promise<string> {
  return (await cluster.gantry(['exec', task, '--', ...command])).stdout;
}

async function tasksOf(job: string): Promise<Task[]> {
  return (await cluster.json<{ items: Task[] }>('get', 'tasks', '-l', `gantry.dev/job=${job}`)).items;
}

/** Runs in the network of a node. */
function onNode(index: number, command: string, ...args: string[]) {
  const namespace = cluster.record.nodes[index]?.networkNamespace ?? '';
  return execa('nsenter', [`--net=${namespacePath(namespace)}`, command, ...args], { reject: false });
}

async function apply(...objects: object[]): Promise<void> {
  const file = join(cluster.directory, '..', 'objects.json');
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  await cluster.succeed('apply', '-f', file);
}

describe('a service', () => {
  it('is reached by its name from a task with a network of its own, on whichever node its tasks are', async () => {
    const seen = new Set<string>();
    await vi.waitFor(async () => {
      seen.add((await inVisitor('wget', '-q', '-O', '-', 'http://shop/')).trim());
      expect([...seen].sort()).toEqual(['shop-0-0', 'shop-1-0']);
    }, eventually);
    for (const name of ['shop.default', 'shop.default.svc.cluster.local', 'shop.default.svc.network'])
      expect(await inVisitor('wget', '-q', '-O', '-', `http://${name}/`)).toMatch(/^shop-\d-0/);
  });

  it('has tasks on ports that were chosen for them, which SRV records and the environment tell', async () => {
    const tasks = await tasksOf('shop');
    const ports = tasks.map(({ spec }) => spec.containers[0]?.ports?.[0]?.hostPort ?? 0);
    expect(ports.every(isAllottedPort)).toBe(true);
    const records = await inVisitor('nslookup', '-type=srv', '_http._tcp.shop.default.task.network');
    for (const port of ports) expect(records).toContain(` ${port} `);
    const { spec } = await cluster.json<Service>('get', 'service', 'shop');
    const environment = await inTask('shop-0-0', 'env');
    expect(environment).toContain(`PORT_HTTP=${ports[0]}`);
    expect(await inVisitor('env')).toContain(`SHOP_SERVICE_HOST=${spec.clusterIP}`);
  });

  it('is described with its endpoints, and its port is led to this machine', async () => {
    expect((await cluster.succeed('describe', 'service', 'shop')).stdout).toMatch(
      /Ports: +http 80\/TCP -> http[\s\S]*Endpoints:[\s\S]*shop-0-0 +10\.\S+:2\d{4} +n\d +ready/,
    );
    const forward = execa('./gantry', ['port-forward', 'svc/shop', ':80'], {
      env: cluster.environment,
      reject: false,
    });
    try {
      const local = await new Promise<string>((resolve) => {
        forward.stdout.on('data', (text) => resolve(/127\.0\.0\.1:(\d+)/.exec(String(text))?.[1] ?? ''));
      });
      expect(await (await fetch(`http://127.0.0.1:${local}/`)).text()).toMatch(/^shop-\d-0/);
    } finally {
      forward.kill('SIGINT');
      await forward;
    }
  });

  it('loses a task that is killed within seconds, and refuses at once when it has none left', async () => {
    await cluster.succeed('scale', 'job/shop', '--replicas=0');
    await vi.waitFor(async () => {
      const { items } = await cluster.json<{ items: EndpointSlice[] }>('get', 'endpointslices');
      expect(items.filter(({ metadata }) => metadata.name.startsWith('shop-'))).toEqual([]);
    }, eventually);
    await vi.waitFor(async () => {
      const { stderr } = await cluster.gantry([
        'exec',
        'visitor-0-0',
        '--',
        'wget',
        '-O',
        '-',
        'http://shop/',
      ]);
      expect(stderr).toContain('Connection refused');
    }, eventually);
    await cluster.succeed('scale', 'job/shop', '--replicas=2');
    await cluster.succeed('wait', 'job/shop', '--for=condition=Available', '--timeout=60s');
  });
});

describe('the names inside a task', () => {
  const spec = (hostNetwork: boolean, image: object) => ({
    hostNetwork,
    hostname: 'me',
    subdomain: 'us',
    hostAliases: [{ ip: '192.0.2.7', hostnames: ['nas', 'nas.example'] }],
    dnsConfig: { searches: ['extra.example'], options: [{ name: 'ndots', value: '3' }] },
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', command: ['sleep', '600'], ...image }],
  });
  const task = (name: string, hostNetwork: boolean, image: object) => ({
    ...{ apiVersion: 'gantry.dev/v1', kind: 'Task', metadata: { name, labels: { app: 'us' } } },
    spec: spec(hostNetwork, image),
  });

  it('are its own, its aliases and those of its domain, on either network, with and without an image', async () => {
    const headless = { clusterIP: 'None', selector: { app: 'us' }, ports: [{ port: 80 }] };
    await apply(
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'us' }, spec: headless },
      task('of-node', true, {}),
      task('of-own', false, { image: 'busybox' }),
    );
    for (const name of ['of-node', 'of-own']) {
      await cluster.succeed('wait', `task/${name}`, '--for=condition=Ready', '--timeout=60s');
      const { status } = await cluster.json<Task>('get', 'task', name);
      const address = status.addresses?.[0] ?? status.hostIP;
      expect(await inTask(name, 'cat', '/etc/hostname')).toBe('me');
      const hosts = await inTask(name, 'cat', '/etc/hosts');
      expect(hosts).toContain(`${address}\tme.us.default.svc.network\tme`);
      expect(hosts).toContain('192.0.2.7\tnas\tnas.example');
      expect(await inTask(name, 'cat', '/etc/resolv.conf')).toMatch(
        /^search default\.svc\.network svc\.network network .*extra\.example\noptions timeout:1 attempts:5 ndots:3$/m,
      );
      expect(await inTask(name, 'env')).not.toContain('SHOP_SERVICE_HOST');
      expect(await inTask(name, 'sh', '-c', 'echo >> /etc/hosts || echo refused')).toContain('refused');
    }
    const { status } = await cluster.json<Task>('get', 'task', 'of-own');
    await vi.waitFor(async () => {
      expect(await inTask('of-own', 'nslookup', 'me.us.default.svc.network')).toContain(
        status.addresses?.[0],
      );
    }, eventually);
    await cluster.succeed('delete', 'tasks', 'of-node', 'of-own', '--timeout=60s');
  });
});

it('a task whose port somebody else holds is replaced by one with another port', async () => {
  const ports = [{ name: 'http', containerPort: 80, hostPort: 0 }];
  const command = ['sh', '-c', 'exec httpd -f -p "$PORT"'];
  const template = {
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', image: 'busybox', command, ports }],
    },
  };
  const job = {
    apiVersion: 'gantry.dev/v1',
    kind: 'Job',
    metadata: { name: 'evicted' },
    spec: { type: 'Service', replicas: 1, template },
  };
  await apply(job);
  await cluster.succeed('wait', 'job/evicted', '--for=condition=Available', '--timeout=60s');
  const portOf = async () => (await tasksOf('evicted')).at(-1)?.spec.containers[0]?.ports?.[0]?.hostPort ?? 0;
  const first = await portOf();
  await cluster.succeed('delete', 'job/evicted', '--timeout=60s');
  const squatters = [0, 1].map((node) => onNode(node, 'busybox', 'nc', '-l', '-p', String(first)));
  try {
    await apply(job);
    await cluster.succeed('wait', 'job/evicted', '--for=condition=Available', '--timeout=60s');
    expect(await portOf()).not.toBe(first);
  } finally {
    for (const squatter of squatters) squatter.kill();
    await Promise.all(squatters);
    await cluster.succeed('delete', 'job/evicted', '--timeout=60s');
  }
});

describe('a task with a network of its own', () => {
  const web = (name: string, node: string, port: object) => ({
    apiVersion: 'gantry.dev/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      type: 'Service',
      replicas: 1,
      template: {
        metadata: { labels: { app: 'own' } },
        spec: {
          hostNetwork: false,
          nodeSelector: { 'kubernetes.io/hostname': node },
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'main',
              image: 'busybox',
              // Not root, on port 80: in a network of its own that is anybody's.
              securityContext: { runAsUser: 1000 },
              command: [
                'sh',
                '-c',
                'mkdir /tmp/www; hostname > /tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www',
              ],
              ports: [{ name: 'http', containerPort: 80, ...port }],
              readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  });
  const own = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'own' },
    spec: { selector: { app: 'own' }, ports: [{ port: 80, targetPort: 'http' }] },
  };

  it('has an address others reach, on its node and from another, and reaches itself through its service', async () => {
    await apply(own, web('near', 'n1', { hostPort: 9090 }), web('far', 'n2', {}));
    for (const job of ['near', 'far'])
      await cluster.succeed('wait', `job/${job}`, '--for=condition=Available', '--timeout=60s');
    const [near] = await tasksOf('near');
    const [far] = await tasksOf('far');
    expect(near?.status.addresses?.[0]).toMatch(/^10\.88\.1\./);
    expect(far?.status.addresses?.[0]).toMatch(/^10\.88\.2\./);
    // A name follows its task within moments, not at once.
    for (const from of ['near-0-0', 'far-0-0'])
      for (const to of ['near', 'far'])
        await vi.waitFor(async () => {
          const address = `http://0.${to}.default.task.network/`;
          expect(await inTask(from, 'wget', '-q', '-O', '-', address)).toBe(`${to}-0-0`);
        }, eventually);
    const seen = new Set<string>();
    await vi.waitFor(async () => {
      seen.add((await inTask('near-0-0', 'wget', '-q', '-O', '-', 'http://own/')).trim());
      expect([...seen].sort()).toEqual(['far-0-0', 'near-0-0']);
    }, eventually);
  });

  it('has its hostPort on the node', async () => {
    const { stdout } = await onNode(
      1,
      'busybox',
      'wget',
      '-q',
      '-O',
      '-',
      `http://${cluster.record.nodes[0]?.address}:9090/`,
    );
    expect(stdout).toBe('near-0-0');
  });

  it('is reached on a port of every node, or on its own nodes alone under the address of the client', async () => {
    const port = { name: 'http', port: 80, targetPort: 'http', nodePort: 30_080 };
    const outside = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'outside' } },
      spec: { type: 'NodePort', selector: { 'gantry.dev/job': 'near' }, ports: [port] },
    };
    await apply(outside);
    const ask = async (index: number): Promise<string> => {
      const address = `http://${cluster.record.nodes[index]?.address}:30080/`;
      const answer = fetch(address, { signal: AbortSignal.timeout(3_000) });
      return answer.then(
        async (response) => (await response.text()).trim(),
        ({ cause }: Error) => String(cause),
      );
    };
    for (const index of [0, 1])
      await vi.waitFor(async () => expect(await ask(index)).toBe('near-0-0'), eventually);
    await apply({ ...outside, spec: { ...outside.spec, externalTrafficPolicy: 'Local' } });
    await vi.waitFor(async () => expect(await ask(1)).toContain('ECONNREFUSED'), eventually);
    expect(await ask(0)).toBe('near-0-0');
    await cluster.succeed('delete', 'service/outside');
  });

  it('keeps its network and finds names when its agent is killed, and leaves nothing behind', async () => {
    const command = [
      'sh',
      '-c',
      'while :; do wget -q -O /dev/null http://near.default.task.network && echo ok || echo failed; done',
    ];
    await apply({
      ...{ apiVersion: 'gantry.dev/v1', kind: 'Task', metadata: { name: 'asker' } },
      spec: {
        hostNetwork: false,
        nodeSelector: { 'kubernetes.io/hostname': 'n1' },
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: 'busybox', command }],
      },
    });
    const answers = async () => (await cluster.gantry(['logs', 'asker'])).stdout.split('\n');
    await vi.waitFor(async () => expect(await answers()).toContain('ok'), eventually);
    // As if it had died between the rules of the hostPort and the result: they were once left behind.
    const [near] = await tasksOf('near');
    const run = `${cluster.runDirectory}/${cluster.record.nodes[0]?.name}`;
    rmSync(`${run}/netns/${near?.metadata.uid}.json`);
    const agent = cluster.parts.parts['node-n1'];
    process.kill(agent?.pid ?? 0, 'SIGKILL');
    await vi.waitFor(async () => {
      expect(cluster.parts.parts['node-n1']?.pid).not.toBe(agent?.pid);
      expect(await inTask('near-0-0', 'wget', '-q', '-O', '-', 'http://near.default.task.network/')).toBe(
        'near-0-0',
      );
    }, eventually);
    const before = (await answers()).length;
    await vi.waitFor(async () => expect((await answers()).length).toBeGreaterThan(before), eventually);
    expect(await answers()).not.toContain('failed');
    await cluster.succeed('delete', 'task/asker', '--timeout=60s');
    for (const job of ['near', 'far', 'visitor'])
      await cluster.succeed('delete', `job/${job}`, '--timeout=60s');
    for (const [index, { name }] of cluster.record.nodes.entries()) {
      const run = `${cluster.runDirectory}/${name}`;
      await vi.waitFor(() => {
        expect(readdirSync(`${run}/netns`)).toEqual([]);
        const addresses = readdirSync(`${run}/cni/gantry`).filter((file) => /^\d/.test(file));
        expect(addresses).toEqual([]);
      }, eventually);
      expect((await onNode(index, 'iptables-save', '-t', 'nat')).stdout).not.toMatch(
        /9090|near|10\.88\.\d+\.\d+\/32/,
      );
      expect((await onNode(index, 'ip', '-brief', 'link')).stdout).not.toContain('veth');
    }
  });
});

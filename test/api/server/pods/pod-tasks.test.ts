/** Whatever a task can say, a pod says through it: read again as it was written, and stored in the task's own words. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { podView } from '../../../../api/kinds/pod-view.ts';
import { TestServer } from '../test-server.ts';

const pods = '/api/v1/namespaces/open/pods';
const tasks = '/apis/gantry.dev/v1/namespaces/open/tasks';
const container = { name: 'main', image: 'busybox' };

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
  await server.post('/api/v1/namespaces', { metadata: { name: 'open', labels } });
});
afterAll(() => server.close());

const create = (name: string, spec: object, path = pods) =>
  server.post(`${path}?fieldValidation=Strict`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [container], ...spec },
  });

const inContainer = (fields: object) => ({ containers: [{ ...container, ...fields }] });
const securityOf = (securityContext: object) => inContainer({ securityContext });
const volumeOf = (source: object) => ({ volumes: [{ name: 'v', ...source }] });
const probe = {
  initialDelaySeconds: 1,
  periodSeconds: 2,
  timeoutSeconds: 3,
  successThreshold: 1,
  failureThreshold: 4,
};
const downwardFile = { path: 'labels', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.labels' } };
const term = { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] };
const labelSelector = { matchLabels: { app: 'web' } };
const peer = { topologyKey: 'kubernetes.io/hostname', labelSelector };

/** Fields of the spec, which the task must have word by word. */
const said: Record<string, object> = {
  capabilities: securityOf({ capabilities: { add: ['NET_ADMIN', 'SYS_PTRACE'], drop: ['ALL'] } }),
  privileged: securityOf({ privileged: true, procMount: 'Unmasked', allowPrivilegeEscalation: true }),
  'a read-only root': securityOf({ readOnlyRootFilesystem: true }),
  'seccomp of a container': securityOf({
    seccompProfile: { type: 'Localhost', localhostProfile: 'own.json' },
  }),
  'seccomp of all': { securityContext: { seccompProfile: { type: 'Unconfined' } } },
  'users and groups': {
    securityContext: {
      ...{ runAsUser: 1000, runAsGroup: 1001, runAsNonRoot: true },
      ...{ fsGroup: 2000, supplementalGroups: [3000, 4000] },
    },
  },
  hostUsers: { hostUsers: false },
  hostNetwork: { hostNetwork: false },
  hostname: { hostname: 'web-1' },
  'a projected volume': volumeOf({
    projected: {
      defaultMode: 0o400,
      sources: [
        { configMap: { name: 'c', items: [{ key: 'k', path: 'p', mode: 0o600 }], optional: true } },
        { secret: { name: 's' } },
        { downwardAPI: { items: [downwardFile] } },
      ],
    },
  }),
  'a downwardAPI volume': volumeOf({
    downwardAPI: {
      defaultMode: 0o644,
      items: [
        downwardFile,
        { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu', divisor: '1m' } },
      ],
    },
  }),
  'an emptyDir': volumeOf({ emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }),
  'a hostPath': volumeOf({ hostPath: { path: '/srv', type: 'Directory' } }),
  'a mounted ConfigMap': {
    ...volumeOf({ configMap: { name: 'c', defaultMode: 0o644 } }),
    ...inContainer({ volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a', readOnly: true }] }),
  },
  'a mounted Secret': volumeOf({ secret: { secretName: 's', defaultMode: 0o600, optional: true } }),
  'a probe by gRPC': inContainer({ livenessProbe: { ...probe, grpc: { port: 5000, service: 'all' } } }),
  'probes by HTTP and TCP': inContainer({
    ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
    readinessProbe: { ...probe, httpGet: { path: '/', port: 'http', scheme: 'HTTPS' } },
    startupProbe: { ...probe, tcpSocket: { port: 80 } },
  }),
  'a lifecycle': inContainer({
    lifecycle: { postStart: { exec: { command: ['true'] } }, preStop: { sleep: { seconds: 5 } } },
  }),
  'variables from resources and fields': inContainer({
    env: [
      { name: 'CPU', value: '', valueFrom: { resourceFieldRef: { resource: 'requests.cpu' } } },
      { name: 'NODE', value: '', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'KEY', value: '', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
    ],
    envFrom: [{ prefix: 'C_', configMapRef: { name: 'c' } }],
  }),
  hostPort: inContainer({ ports: [{ containerPort: 80, hostPort: 8080, protocol: 'UDP' }] }),
  'node affinity': {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 5, preference: term }],
      },
    },
  },
  'affinity between pods': {
    affinity: {
      podAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: peer }],
      },
      podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [peer] },
    },
  },
  spread: {
    topologySpreadConstraints: [
      { ...peer, topologyKey: 'zone', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' },
    ],
  },
  'selectors and tolerations': {
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute', tolerationSeconds: 5 }],
  },
  'pulling of images': {
    imagePullSecrets: [{ name: 'login' }],
    ...inContainer({ imagePullPolicy: 'Always' }),
  },
  'a terminal': inContainer({ stdin: true, stdinOnce: true, tty: true }),
  'messages of the end': inContainer({
    terminationMessagePath: '/dev/end',
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }),
  resources: inContainer({
    resources: { requests: { cpu: '1', 'example.com/gpu': '1' }, limits: { memory: '1Gi' } },
    resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
  }),
  'a sidecar': { initContainers: [{ name: 'side', image: 'busybox', restartPolicy: 'Always' }] },
  'how it ends': { restartPolicy: 'OnFailure', terminationGracePeriodSeconds: 7 },
  'who places it': { schedulerName: 'other' },
};

describe('a pod with', () => {
  test.each(Object.entries(said))(
    '%s is read again as written, and its task says the same',
    async (what, spec) => {
      const name = what.toLowerCase().replaceAll(' ', '-');
      const { status, body } = await create(name, spec);
      expect(status, body.message).toBe(201);
      expect(body.spec).toMatchObject(spec);
      const { body: task } = await server.get(`${tasks}/${name}`);
      expect(task.spec).toMatchObject(spec);
      expect(task.metadata).not.toHaveProperty('annotations');
    },
  );
});

test.each<[object, string]>([
  [{ activeDeadlineSeconds: 5 }, 'activeDeadlineSeconds'],
  [{ shareProcessNamespace: true }, 'shareProcessNamespace'],
  [volumeOf({ nfs: { server: 'x', path: '/' } }), 'volumes[0].nfs'],
  [
    volumeOf({ projected: { sources: [{ clusterTrustBundle: { path: 'bundle' } }] } }),
    'volumes[0].projected.sources[0].clusterTrustBundle',
  ],
  [inContainer({ lifecycle: { stopSignal: 'SIGUSR1' } }), 'containers[0].lifecycle.stopSignal'],
  [inContainer({ restartPolicy: 'Never' }), 'containers[0].restartPolicy'],
])('%j is refused by its path', async (spec, field) => {
  const { status, body } = await create('refused', spec);
  expect(status).toBe(422);
  expect(body.details.causes).toMatchObject([{ field: `spec.${field}`, reason: 'FieldValueForbidden' }]);
});

// Once it was let in everywhere: levels did not look at ephemeral containers.
test('a debugger with SYS_PTRACE is let in only where the level of the namespace allows it', async () => {
  const securityContext = { capabilities: { add: ['SYS_PTRACE'] } };
  const ephemeralContainers = [{ name: 'debugger', image: 'busybox', securityContext }];
  const added = async (namespace: string): Promise<number> => {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    await create('debugged', {}, path);
    const patch = { spec: { ephemeralContainers } };
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    return (await server.raw('PATCH', `${path}/debugged/ephemeralcontainers`, patch, { headers })).status;
  };
  expect(await added('open')).toBe(200);
  expect(await added('default')).toBe(403);
});

test('a pod shows nothing of the devices and the gang of its task, and keeps them when it is written', () => {
  const spec = { containers: [container], devices: { 'gpu-0': 500 }, gang: { name: 'g', size: 2 } };
  const task = { apiVersion: 'gantry.dev/v1', kind: 'Task', metadata: { name: 'on-gpu' }, spec, status: {} };
  const pod = podView.show(task);
  expect(pod.spec).toEqual({ containers: [container], dnsPolicy: 'ClusterFirst', securityContext: {} });
  expect(podView.store(pod, task)).toEqual(task);
});

test('a pod or a task put back with its fields in another order is not refused', async () => {
  await create('reordered', { ...said['a projected volume'], serviceAccountName: 'default' });
  for (const path of [`${pods}/reordered`, `${tasks}/reordered`]) {
    const { body: before } = await server.get(path);
    const { status, body } = await server.put(path, reversed(before));
    expect(status, body.message).toBe(200);
    expect(body.metadata.generation).toBe(1);
    expect(body.spec).toEqual(before.spec);
  }
});

function reversed(value: unknown): object {
  if (Array.isArray(value)) return value.map((item: unknown) => (isObject(item) ? reversed(item) : item));
  const fields = Object.entries(value as object).reverse();
  return Object.fromEntries(
    fields.map(([name, member]) => [name, isObject(member) ? reversed(member) : member]),
  );
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

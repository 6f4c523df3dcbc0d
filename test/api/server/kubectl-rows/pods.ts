/** Pods, as far as they need no node that runs them. */
import type { Kubectl, Row } from '../../../kit/kubectl-matrix.ts';
import { addNode, event } from './objects.ts';

const pod = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...metadata },
  spec: { containers: [{ name: 'main', image: 'busybox' }], ...spec },
});

async function createOn(k: Kubectl, node: string, created: ReturnType<typeof pod>): Promise<void> {
  const { name } = created.metadata;
  await k.create(created);
  const target = { kind: 'Node', name: node };
  const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target };
  await k.run(
    `create --raw /api/v1/namespaces/${k.namespace}/pods/${name}/binding -f`,
    await k.file(name, binding),
  );
}

export const pods: Row[] = [
  {
    verb: 'run',
    act: async (k) => {
      await k.says(
        /pod\/ran created/,
        'run ran --image=busybox --port=80 --env=A=b --labels=ran=yes -- sleep 1',
      );
      await k.says(
        /^busybox 80 b$/,
        'get gt ran -o',
        'jsonpath={range .spec.containers[0]}{.image} {.ports[0].containerPort} {.env[0].value}{end}',
      );
      await k.says(/pod\/dry created \(server dry run\)/, 'run dry --image=busybox --dry-run=server');
    },
  },
  {
    verb: 'get pods (-o wide, yaml, name, selectors, all)',
    act: async (k) => {
      await k.create(pod('got', { dnsPolicy: 'Default' }, { labels: { got: 'yes' } }));
      await k.says(
        /^NAME +READY +STATUS +RESTARTS +AGE\ngot +0\/1 +Pending +0 +\d+s\n$/,
        'get po -l got=yes',
      );
      await k.says(/^got .* <none> +<none> +<none> +<none>$/m, 'get pods got -o wide');
      await k.says(/dnsPolicy: Default/, 'get pod got -o yaml');
      await k.says(/^pod\/got$/m, 'get pods -o name --field-selector status.phase=Pending,metadata.name=got');
      await k.says(/pod\/got[\s\S]*task\.gantry\.dev\/got/, 'get all');
    },
  },
  {
    verb: 'get pods -w',
    act: async (k) => {
      await k.watches('get pods -w -l watched=yes', [
        () => k.create(pod('seen', {}, { labels: { watched: 'yes' } })),
        /NAME/,
        /^seen +0\/1 +Pending/,
        () => k.run('delete pod seen'),
        /^seen/,
      ]);
    },
  },
  {
    verb: 'describe pod, events --for',
    act: async (k) => {
      await k.create(pod('spoken-of'));
      const uid = await k.run('get pod spoken-of -o jsonpath={.metadata.uid}');
      await k.create(event('spoken-of.1', { kind: 'Task', name: 'spoken-of', uid, namespace: k.namespace }));
      await k.says(/Containers:\n +main:\n[\s\S]*Events:\n/, 'describe pod spoken-of');
      await k.says(
        /spoken-of/,
        'get events --field-selector involvedObject.kind=Pod,involvedObject.name=spoken-of',
      );
    },
  },
  {
    verb: 'explain pod',
    act: async (k) => {
      await k.says(/readinessProbe/, 'explain pod.spec.containers');
      await k.says(/runAsNonRoot/, 'explain pod.spec.securityContext');
    },
  },
  {
    verb: 'apply, label, annotate, patch, replace a pod',
    act: async (k) => {
      const written = (labels: object) => pod('kept', { serviceAccountName: 'default' }, { labels });
      await k.says(/pod\/kept created/, 'apply -f', await k.file('kept', written({ a: '1', b: '2' })));
      await k.says(/pod\/kept unchanged/, 'apply -f', await k.file('kept', written({ a: '1', b: '2' })));
      await k.says(/pod\/kept configured/, 'apply -f', await k.file('kept', written({ a: '1' })));
      await k.run('label pod kept c=3');
      await k.run('annotate pod kept note=x');
      await k.run('patch pod kept -p', '{"spec":{"tolerations":[{"operator":"Exists"}]}}');
      await k.says(
        /^\{"a":"1","c":"3"\} x Exists default$/,
        'get pod kept -o',
        'jsonpath={.metadata.labels} {.metadata.annotations.note} {.spec.tolerations[0].operator} {.spec.serviceAccountName}',
      );
      await k.fails(
        /Forbidden: pod updates may not change fields/,
        'patch pod kept --type=merge -p {"spec":{"restartPolicy":"Never"}}',
      );
    },
  },
  {
    verb: 'apply --server-side of a pod',
    act: async (k) => {
      const file = await k.file('side', pod('side', { hostNetwork: true }));
      await k.says(/pod\/side serverside-applied/, 'apply --server-side -f', file);
      await k.says(/pod\/side serverside-applied/, 'apply --server-side -f', file);
      await k.says(/^true$/, 'get pod side -o jsonpath={.spec.hostNetwork}');
    },
  },
  {
    verb: 'create of a pod that cannot be honoured',
    act: async (k) => {
      const file = await k.file('refused', pod('refused', { hostPID: true }));
      await k.fails(/Pod "refused" is invalid: spec\.hostPID: Forbidden/, `create -f ${file}`);
    },
  },
  {
    verb: 'drain with and without --force',
    act: async (k) => {
      const node = await addNode(k, 'drained');
      await createOn(k, node, pod('bound', { tolerations: [{ operator: 'Exists' }] }));
      await k.fails(/declare no controller/, `drain ${node}`);
      await k.says(/evicting pod [^\n]*bound/, `drain ${node} --force --dry-run=server`);
      await k.says(/True|Pending/, 'get pod bound');
      // Nobody runs it, so nobody ends it: the eviction is granted, its end is not waited for.
      await k.fails(/evicting pod [^\n]*bound/, `drain ${node} --force --timeout=2s`);
      await k.says(/^bound +0\/1 +Terminating/m, 'get pod bound');
      await k.run('delete pod bound --grace-period=0 --force');
      await k.run(`drain ${node}`);
    },
  },
  {
    verb: 'drain that a PodDisruptionBudget holds up',
    act: async (k) => {
      const node = await addNode(k, 'budgeted');
      await k.run('create pdb held --selector=app=held --min-available=1');
      await k.says(/^held +1 +N\/A +0 /m, 'get pdb');
      await createOn(
        k,
        node,
        pod('held', { tolerations: [{ operator: 'Exists' }] }, { labels: { app: 'held' } }),
      );
      await k.run('patch pod held --subresource=status --type=merge -p', '{"status":{"phase":"Running"}}');
      await k.fails(
        /Cannot evict pod as it would violate the pod's disruption budget/,
        `drain ${node} --force --timeout=2s`,
      );
      await k.run('delete pdb held');
      await k.fails(/evicting pod [^\n]*held/, `drain ${node} --force --timeout=2s`);
      await k.says(/Terminating/, 'get pod held');
      await k.run('delete pod held --grace-period=0 --force');
    },
  },
  {
    verb: 'delete pods',
    act: async (k) => {
      await k.create(pod('d1', {}, { labels: { d: 'y' } }), pod('d2', {}, { labels: { d: 'y' } }));
      await k.says(
        /pod "d1" [^\n]*deleted[\s\S]*pod "d2" [^\n]*deleted|deleted/,
        'delete pods -l d=y --grace-period=1',
      );
      await k.fails(/NotFound/, 'get pod d1');
    },
  },
];

/** Discovery, reads, descriptions and what the user may do. */
import type { Kubectl, Row } from '../../../kit/kubectl-matrix.ts';
import { addNode, configMap, event, job } from './objects.ts';

export const discovery: Row[] = [
  { verb: 'version', act: (k) => k.says(/Server Version: .*v1\.30\.0\+gantry/, 'version') },
  { verb: 'cluster-info', act: (k) => k.says(/control plane.* is running at/, 'cluster-info') },
  {
    verb: 'cluster-info dump',
    act: (k) =>
      k.says(/"kind": "NodeList"[\s\S]*"kind": "EventList"/, `cluster-info dump --namespaces=${k.namespace}`),
  },
  { verb: 'api-versions', act: (k) => k.says(/^gantry\.dev\/v1$/m, 'api-versions') },
  {
    verb: 'api-resources',
    act: async (k) => {
      await k.says(/^jobs +gj +gantry\.dev\/v1 +true +Job$/m, 'api-resources');
      await k.says(/^jobs\.gantry\.dev$/m, 'api-resources --verbs=list --namespaced -o name');
      await k.says(/create,delete,deletecollection,get,list,patch,update,watch/, 'api-resources -o wide');
    },
  },
  {
    verb: 'explain',
    act: async (k) => {
      await k.says(/template\s+<Object> -required-/, 'explain gj.spec');
      await k.says(/replicas\t?\s*<integer>/, 'explain gj --recursive');
      await k.says(/KIND: +Lease/, 'explain leases --api-version=coordination.k8s.io/v1');
      await k.says(/KIND: +Job/, 'explain gj --output=plaintext-openapiv2');
    },
  },
  {
    verb: 'auth can-i',
    act: async (k) => {
      await k.says(/^yes$/m, 'auth can-i create gj');
      await k.says(/^yes$/m, 'auth can-i update gj --subresource=scale');
      await k.says(/^yes$/m, 'auth can-i get /metrics');
    },
  },
  { verb: 'auth can-i --list', act: (k) => k.says(/\*\.\*/, 'auth can-i --list') },
  { verb: 'auth whoami', act: (k) => k.says(/gantry-admin/, 'auth whoami') },
];

/** A node whose agent tells what is used. */
async function measuredNode(k: Kubectl, name: string): Promise<string> {
  const node = await addNode(k, name);
  const status = {
    addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    allocatable: { cpu: '1', memory: '128Mi', pods: '10' },
  };
  await k.run('patch --subresource=status --type=merge node', node, '-p', JSON.stringify({ status }));
  return node;
}

export const gets: Row[] = [
  {
    verb: 'top pod',
    act: async (k) => {
      const node = await measuredNode(k, 'top-pod');
      const containers = [{ name: 'main', image: 'busybox' }];
      await k.create({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'used' }, spec: { containers } });
      const target = { apiVersion: 'v1', kind: 'Node', name: node };
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'used' }, target };
      const path = `/api/v1/namespaces/${k.namespace}/pods/used/binding`;
      await k.run(`create --raw ${path} -f`, await k.file('binding', binding));
      await k.says(/^used +100m +32Mi/m, 'top pod');
      await k.says(/^used +main +100m +32Mi/m, 'top pod used --containers');
    },
  },
  {
    verb: 'top node',
    act: async (k) => {
      const node = await measuredNode(k, 'top');
      await k.says(new RegExp(`^${node} +250m +25% +64Mi +50%`, 'm'), 'top node', node);
      await k.says(new RegExp(`^${node} `, 'm'), 'top node --sort-by=cpu');
    },
  },
  {
    verb: 'get',
    act: async (k) => {
      await k.create(job('got', { app: 'got' }));
      await k.says(/^NAME +TYPE +READY +STATUS +AGE\ngot +Service +0\/2/m, 'get gj got');
      await k.says(/^got /m, 'get jobs.gantry.dev');
      await k.says(/^matrix-\S+ +got /m, 'get gj -A');
      await k.says(/app=got/, 'get gj got --show-labels');
      await k.says(/ APP\ngot .* got$/m, 'get gj -l app=got -L app');
      await k.says(/job\.gantry\.dev\/got/, 'get gj,cm -l app=got');
      await k.fails(/Error from server \(NotFound\): jobs\.gantry\.dev "none" not found/, 'get gj none');
    },
  },
  {
    verb: 'get -o',
    act: async (k) => {
      await k.create(job('shapes'));
      await k.says(/SELECTOR\n.*busybox +gantry\.dev\/job=shapes\n$/, 'get gj shapes -o wide');
      await k.says(/^kind: Job$/m, 'get gj shapes -o yaml');
      await k.says(/"kind": "Job"/, 'get gj shapes -o json');
      await k.says(/^job\.gantry\.dev\/shapes\n$/, 'get gj shapes -o name');
      await k.says(/^2$/, 'get gj shapes -o jsonpath={.spec.replicas}');
      await k.says(/^shapes +2$/m, 'get gj -o custom-columns=N:.metadata.name,R:.spec.replicas');
      await k.says(/^shapes 2$/, 'get gj shapes -o', 'go-template={{.metadata.name}} {{.spec.replicas}}');
      await k.says(/^NAME +AGE\nshapes/, 'get gj shapes --server-print=false');
    },
  },
  {
    verb: 'get --selector, --sort-by, pages',
    act: async (k) => {
      const names = ['page-a', 'page-b', 'page-c', 'page-d', 'page-e'];
      await k.create(...names.map((name, n) => configMap(name, { n: `${9 - n}` }, { pages: 'yes' })));
      await k.says(/page-a[\s\S]*page-e/, 'get cm -l pages=yes --chunk-size=2');
      await k.says(/page-e[\s\S]*page-a/, 'get cm -l pages --sort-by=.data.n');
      await k.says(/^configmap\/page-b\n$/, 'get cm -o name --field-selector=metadata.name=page-b');
      await k.says(
        /^configmap\/page-c\n$/,
        'get cm -o name -l',
        'pages in (yes,no)',
        '--field-selector=metadata.name=page-c',
      );
    },
  },
  {
    verb: 'get --subresource',
    act: async (k) => {
      await k.create(job('parts'));
      await k.says(/^parts /m, 'get gj parts --subresource=status');
      await k.says(/kind: Scale/, 'get gj parts --subresource=scale -o yaml');
    },
  },
  {
    verb: 'get CATEGORY',
    act: async (k) => {
      await k.create(job('of-all'));
      await k.says(/job\.gantry\.dev\/of-all/, 'get all');
      await k.says(/job\.gantry\.dev\/of-all/, 'get gantry');
    },
  },
  {
    verb: 'get of every kind',
    act: async (k) => {
      for (const kind of ['ns', 'no', 'ev', 'cm', 'secrets', 'leases', 'pc', 'gj', 'gt'])
        await k.run(`get ${kind} -A`);
    },
  },
  {
    verb: 'get --raw',
    act: async (k) => {
      await k.says(/^ok$/, 'get --raw /readyz');
      await k.says(
        /"kind":"ConfigMapList"/,
        `get --raw /api/v1/namespaces/${k.namespace}/configmaps?limit=1`,
      );
    },
  },
  {
    verb: 'get -f',
    act: async (k) => {
      const file = await k.file('from-file', job('from-file'));
      await k.run('create -f', file);
      await k.says(/^from-file /m, 'get -f', file);
    },
  },
];

export const stories: Row[] = [
  {
    verb: 'describe',
    act: async (k) => {
      await k.create(job('told', { group: 'told' }));
      const uid = await k.run('get gj told -o jsonpath={.metadata.uid}');
      await k.create(event('told.1', { kind: 'Job', name: 'told', uid, namespace: k.namespace }));
      await k.says(/Replicas: +2[\s\S]*Events:[\s\S]*Tested/, 'describe gj told');
      await k.says(/Name: +told/, 'describe gj -l group=told');
      const node = await addNode(k, 'told');
      await k.says(/Name: +told-[\s\S]*Events: +<none>/, `describe node ${node}`);
      await k.says(/Status: +Active/, 'describe ns', k.namespace);
    },
  },
  {
    verb: 'events, get events',
    act: async (k) => {
      await k.create(event('ev.1', { kind: 'Job', name: 'ev', namespace: k.namespace }));
      await k.says(/Tested +Job\/ev +so it was/, 'events');
      await k.says(/Tested +job\/ev +so it was/, 'get events --field-selector=involvedObject.name=ev');
      await k.create(job('ev'));
      await k.says(/Tested +Job\/ev/, 'events --for gj/ev');
      await k.says(/Tested/, 'events --types=Normal');
      await k.watches('events --for gj/ev -w', [/^LAST SEEN/, /Tested/]);
    },
  },
];

/** What people do with kubectl on this server, one row per verb or form of it. */
import type { Kubectl, Row } from '../../kit/kubectl-matrix.ts';

const spec = {
  type: 'Service',
  replicas: 2,
  template: { spec: { containers: [{ name: 'main', image: 'busybox', resources: {} }] } },
};

const job = (name: string, labels?: Record<string, string>) => ({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name, ...(labels ? { labels } : {}) },
  spec,
});

const configMap = (name: string, data: Record<string, string> = {}, labels?: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...(labels ? { labels } : {}) },
  data,
});

const lease = (name: string) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name },
  spec: {},
});

const event = (name: string, about: { kind: string; name: string; uid?: string; namespace: string }) => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name },
  involvedObject: { apiVersion: 'gantry.dev/v1', ...about },
  reason: 'Tested',
  message: 'so it was',
  type: 'Normal',
  firstTimestamp: '2026-01-01T00:00:00Z',
  lastTimestamp: '2026-01-01T00:00:00Z',
  count: 1,
});

/** A cluster-scoped object is shared by all versions, so its name has the version in it. */
async function addNode(kubectl: Kubectl, name: string): Promise<string> {
  const node = `${name}-${kubectl.version}`;
  await kubectl.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: node } });
  return node;
}

const discovery: Row[] = [
  { verb: 'version', act: (k) => k.says(/Server Version: .*v1\.30\.0\+gantry/, 'version') },
  { verb: 'cluster-info', act: (k) => k.says(/control plane.* is running at/, 'cluster-info') },
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

const gets: Row[] = [
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

const watches: Row[] = [
  {
    verb: 'get -w (list)',
    act: async (k) => {
      await k.create(job('seen', { app: 'seen' }));
      await k.watches('get gj -w -l app=seen', [
        /^NAME/,
        /^seen +Service +0\/2/,
        () => k.run('scale gj seen --replicas=5'),
        /^seen +Service +0\/5/,
        () => k.run('delete gj seen --wait=false'),
        /^seen /,
      ]);
    },
  },
  {
    verb: 'get NAME -w',
    act: async (k) => {
      await k.create(job('seen-one'));
      await k.watches('get gj seen-one -w', [
        /^NAME/,
        /^seen-one +Service +0\/2/,
        () => k.run('scale gj seen-one --replicas=6'),
        /^seen-one +Service +0\/6/,
      ]);
    },
  },
  {
    verb: 'get --watch-only, --output-watch-events',
    act: async (k) => {
      await k.create(configMap('only', {}, { app: 'only' }));
      // Nobody can tell when it has begun to watch: changes are made until it sees one.
      let changes = 0;
      const change = (): unknown => k.run(`label cm only step=${changes++} --overwrite`).catch(() => {});
      const changing = setInterval(change, 500);
      try {
        await k.watches('get cm -l app=only --watch-only -o name', [/^configmap\/only$/]);
      } finally {
        clearInterval(changing);
      }
      await k.watches('get cm -l app=only -w --output-watch-events', [/^EVENT +NAME/, /^ADDED +only/]);
    },
  },
];

const creates: Row[] = [
  {
    verb: 'create -f',
    act: async (k) => {
      await k.says(/job\.gantry\.dev\/made created/, 'create -f', await k.file('made', job('made')));
      await k.fails(/AlreadyExists/, `create -f ${await k.file('made', job('made'))}`);
      const generated = { ...configMap(''), metadata: { generateName: 'gen-' } };
      await k.says(/^configmap\/gen-[a-z0-9]{5} created/, 'create -f', await k.file('gen', generated));
    },
  },
  {
    verb: 'create --dry-run',
    act: async (k) => {
      const file = await k.file('dry', job('dry'));
      await k.says(/created \(server dry run\)/, 'create --dry-run=server -f', file);
      await k.says(/created \(dry run\)/, 'create --dry-run=client -f', file);
      await k.fails(/NotFound/, 'get gj dry');
    },
  },
  {
    verb: 'create --validate=strict|warn|ignore',
    act: async (k) => {
      const typo = await k.file('typo', { ...job('typo'), spec: { ...spec, replica: 3 } });
      await k.fails(/unknown field "spec\.replica"/, `create -f ${typo}`);
      await k.says(/Warning: unknown field "spec\.replica"[\s\S]*created/, 'create --validate=warn -f', typo);
      await k.run('delete --wait=false -f', typo);
      await k.says(/^job\.gantry\.dev\/typo created/, 'create --validate=ignore -f', typo);
    },
  },
  {
    verb: 'create namespace',
    act: async (k) => {
      await k.says(/namespace\/made-\S+ created/, `create namespace made-${k.version}`);
      await k.says(/^made-\S+ +Active/m, `get ns made-${k.version}`);
    },
  },
  {
    verb: 'create configmap',
    act: async (k) => {
      await k.says(/configmap\/c created/, 'create configmap c --from-literal=key=value');
      await k.says(/^value$/, 'get cm c -o jsonpath={.data.key}');
    },
  },
  {
    verb: 'create secret',
    act: async (k) => {
      await k.says(/secret\/s created/, 'create secret generic s --from-literal=key=value');
      await k.says(/^dmFsdWU=$/, 'get secret s -o jsonpath={.data.key}');
      const registry = '--docker-server=r.example --docker-username=u --docker-password=p';
      await k.run(`create secret docker-registry d ${registry}`);
      await k.says(/^kubernetes\.io\/dockerconfigjson$/, 'get secret d -o jsonpath={.type}');
    },
  },
  {
    verb: 'create priorityclass',
    act: async (k) => {
      await k.run(`create priorityclass urgent-${k.version} --value=250000 --description=soon`);
      await k.says(/250000/, `get pc urgent-${k.version}`);
    },
  },
  {
    verb: 'create --raw, replace --raw, delete --raw',
    act: async (k) => {
      const collection = `/api/v1/namespaces/${k.namespace}/configmaps`;
      await k.run(`create --raw ${collection} -f`, await k.file('raw', configMap('raw')));
      await k.run(`replace --raw ${collection}/raw -f`, await k.file('raw', configMap('raw', { a: 'b' })));
      await k.says(/^b$/, 'get cm raw -o jsonpath={.data.a}');
      await k.says(/"status":"Success"/, `delete --raw ${collection}/raw`);
    },
  },
];

const changes: Row[] = [
  {
    verb: 'apply',
    act: async (k) => {
      const file = await k.file('applied', job('applied'));
      await k.says(/job\.gantry\.dev\/applied created/, 'apply -f', file);
      await k.says(/job\.gantry\.dev\/applied unchanged/, 'apply -f', file);
      const more = { ...job('applied', { a: 'b' }), spec: { ...spec, replicas: 7 } };
      await k.says(
        /configured \(server dry run\)/,
        'apply --dry-run=server -f',
        await k.file('applied', more),
      );
      await k.says(/configured/, 'apply -f', file);
      await k.says(/^7 b$/, 'get gj applied -o', 'jsonpath={.spec.replicas} {.metadata.labels.a}');
      await k.says(/configured/, 'apply -f', await k.file('applied', job('applied')));
      await k.says(/^$/, 'get gj applied -o jsonpath={.metadata.labels.a}');
    },
  },
  {
    verb: 'apply -k, kustomize',
    act: async (k) => {
      const directory = await k.directory('kustomized', {
        'kustomization.yaml': { namePrefix: 'k-', resources: ['job.yaml'] },
        'job.yaml': job('web'),
      });
      await k.says(/job\.gantry\.dev\/k-web created/, 'apply -k', directory);
      await k.says(/name: k-web/, 'kustomize', directory);
    },
  },
  {
    verb: 'apply --prune',
    act: async (k) => {
      const labels = { pruned: 'yes' };
      const flags = 'apply --prune -l pruned=yes --prune-allowlist=core/v1/ConfigMap -f';
      const both = {
        apiVersion: 'v1',
        kind: 'List',
        items: ['p1', 'p2'].map((name) => configMap(name, {}, labels)),
      };
      await k.says(/p1 created[\s\S]*p2 created/, flags, await k.file('pruned', both));
      const one = await k.file('pruned', configMap('p1', {}, labels));
      await k.says(/configmap\/p1 unchanged[\s\S]*configmap\/p2 pruned/, flags, one);
    },
  },
  {
    verb: 'apply --server-side',
    act: async (k) => {
      const apply = async (name: string, manifest: object, ...flags: string[]): Promise<string> =>
        k.run(['apply --server-side', ...flags, '-f'].join(' '), await k.file(name, manifest));
      await apply('ssa', configMap('ssa', { a: '1', b: '2' }));
      await apply('ssa', configMap('ssa', { a: '1' }));
      await k.says(/^\{"a":"1"\}$/, 'get cm ssa -o jsonpath={.data}');
      const other = await k.file('ssa-other', configMap('ssa', { a: '2' }));
      await k.fails(/conflict with "kubectl"/, `apply --server-side --field-manager=other -f ${other}`);
      await apply('ssa-other', configMap('ssa', { a: '2' }), '--field-manager=other', '--force-conflicts');
      await k.says(/manager: other/, 'get cm ssa -o yaml --show-managed-fields');
    },
  },
  {
    verb: 'apply, then apply --server-side',
    act: async (k) => {
      await k.run('apply -f', await k.file('moved', configMap('moved', { a: '1', b: '2' })));
      const less = await k.file('moved', configMap('moved', { a: '1' }));
      await k.says(/serverside-applied/, 'apply --server-side -f', less);
      await k.says(/^\{"a":"1"\}$/, 'get cm moved -o jsonpath={.data}');
    },
  },
  {
    verb: 'diff --server-side',
    act: async (k) => {
      const file = await k.file('ssa-differs', configMap('ssa-differs', { colour: 'red' }));
      await k.run('apply --server-side -f', file);
      await k.run('diff --server-side -f', file);
      const changed = await k.file('ssa-differs', configMap('ssa-differs', { colour: 'blue' }));
      await k.fails(/\+ +colour: blue/, `diff --server-side -f ${changed}`);
    },
  },
  {
    verb: 'apply --prune --applyset',
    act: async (k) => {
      const flags = 'apply --server-side --prune --applyset=set -f';
      const options = { env: { KUBECTL_APPLYSET: 'true' } };
      const items = ['set-1', 'set-2'].map((name) => configMap(name));
      await k.runWith(options, flags, await k.file('set', { apiVersion: 'v1', kind: 'List', items }));
      await k.runWith(options, flags, await k.file('set', configMap('set-1')));
      await k.fails(/NotFound/, 'get cm set-2');
      await k.run('get cm set-1');
    },
  },
  {
    verb: 'apply view-last-applied, set-last-applied',
    act: async (k) => {
      const file = await k.file('last', configMap('last'));
      await k.run('create -f', file);
      await k.says(/configured/, 'apply set-last-applied --create-annotation=true -f', file);
      await k.says(/name: last/, 'apply view-last-applied cm/last');
    },
  },
  {
    verb: 'diff',
    act: async (k) => {
      const file = await k.file('differs', configMap('differs', { colour: 'red' }));
      await k.run('apply -f', file);
      await k.run('diff -f', file);
      const changed = await k.file('differs', configMap('differs', { colour: 'blue' }));
      await k.fails(/\+ +colour: blue/, `diff -f ${changed}`);
    },
  },
  {
    verb: 'edit',
    act: async (k) => {
      await k.create(configMap('edited', { colour: 'red' }), job('edited'));
      await k.runWith({ env: { KUBE_EDITOR: 'sed -i s/red/blue/' } }, 'edit cm edited');
      await k.says(/^blue$/, 'get cm edited -o jsonpath={.data.colour}');
      await k.run('patch gj edited --subresource=status --type=merge -p', '{"status":{"phase":"Pending"}}');
      await k.runWith(
        { env: { KUBE_EDITOR: 'sed -i s/Pending/Running/' } },
        'edit gj edited --subresource=status',
      );
      await k.says(/^Running$/, 'get gj edited -o jsonpath={.status.phase}');
    },
  },
  {
    verb: 'patch',
    act: async (k) => {
      await k.create(job('patched'));
      await k.says(/patched/, 'patch gj patched --type=merge -p', '{"spec":{"replicas":3}}');
      const replace = '[{"op":"replace","path":"/spec/replicas","value":4}]';
      await k.says(/patched/, 'patch gj patched --type=json -p', replace);
      await k.says(/no change/, 'patch gj patched --type=json -p', replace);
      const status = '{"status":{"phase":"Running"}}';
      await k.run('patch gj patched --subresource=status --type=merge -p', status);
      await k.says(/^4 Running$/, 'get gj patched -o', 'jsonpath={.spec.replicas} {.status.phase}');
      await k.says(/patched/, 'patch gj patched --dry-run=server --type=merge -p', '{"spec":{"replicas":9}}');
    },
  },
  {
    verb: 'patch (strategic) of core kinds',
    act: async (k) => {
      await k.create(configMap('strategic', { a: '1', b: '2' }));
      await k.run('patch cm strategic -p', '{"data":{"a":null,"c":"3"}}');
      await k.says(/^\{"b":"2","c":"3"\}$/, 'get cm strategic -o jsonpath={.data}');
    },
  },
  {
    verb: 'label, annotate',
    act: async (k) => {
      await k.create(job('tagged'), job('tagged-too', { group: 'tags' }));
      await k.says(/labeled/, 'label gj tagged team=a');
      await k.fails(/already has a value/, 'label gj tagged team=b');
      await k.says(/labeled/, 'label gj tagged team=b --overwrite');
      await k.says(/unlabeled/, 'label gj tagged team-');
      await k.says(/tagged-too labeled/, 'label gj -l group=tags seen=yes');
      await k.says(/annotated?$/m, 'annotate gj tagged note=hello');
      await k.says(/annotated?$/m, 'annotate gj tagged note-');
    },
  },
  {
    verb: 'scale',
    act: async (k) => {
      await k.create(job('scaled'));
      await k.says(/scaled scaled/, 'scale gj scaled --replicas=4');
      await k.says(/scaled scaled/, 'scale gj scaled --current-replicas=4 --replicas=5');
      await k.fails(/Expected replicas to be 4, was 5/, 'scale gj scaled --current-replicas=4 --replicas=9');
      await k.says(/^5$/, 'get gj scaled -o jsonpath={.spec.replicas}');
    },
  },
  {
    verb: 'replace, replace --force',
    act: async (k) => {
      await k.create(configMap('replaced', { a: '1' }));
      await k.says(/replaced$/m, 'replace -f', await k.file('replaced', configMap('replaced', { a: '2' })));
      const uid = await k.run('get cm replaced -o jsonpath={.metadata.uid}');
      await k.run('replace --force -f', await k.file('replaced', configMap('replaced', { a: '3' })));
      const after = await k.says(/\S/, 'get cm replaced -o jsonpath={.metadata.uid}');
      if (after === uid) throw new Error('it is the same object');
    },
  },
  {
    verb: 'cordon, uncordon',
    act: async (k) => {
      const node = await addNode(k, 'cordoned');
      await k.says(/cordoned$/m, `cordon ${node}`);
      await k.says(/SchedulingDisabled/, `get node ${node}`);
      await k.says(/uncordoned$/m, `uncordon ${node}`);
      await k.says(/^\{\}$/, `get node ${node} -o jsonpath={.spec}`);
    },
  },
  {
    verb: 'taint',
    act: async (k) => {
      const node = await addNode(k, 'tainted');
      await k.says(/tainted$/m, `taint node ${node} dedicated=db:NoSchedule other:NoExecute`);
      await k.says(/modified$/m, `taint node ${node} dedicated=web:NoSchedule --overwrite`);
      await k.says(/untainted$/m, `taint node ${node} other-`);
      await k.says(
        /^web:NoSchedule$/,
        `get node ${node} -o`,
        'jsonpath={.spec.taints[*].value}:{.spec.taints[*].effect}',
      );
    },
  },
];

const waits: Row[] = [
  {
    verb: 'wait --for=condition|jsonpath',
    act: async (k) => {
      await k.create(job('waited'));
      const status = '{"status":{"phase":"Running","conditions":[{"type":"Available","status":"True"}]}}';
      const [output] = await Promise.all([
        k.says(/condition met/, 'wait gj/waited --for=condition=Available --timeout=10s'),
        k.run('patch gj waited --subresource=status --type=merge -p', status),
      ]);
      await k.says(/condition met/, 'wait gj/waited --for=jsonpath={.status.phase}=Running --timeout=10s');
      await k.fails(/timed out/, 'wait gj/waited --for=condition=Complete --timeout=1s');
      return output;
    },
  },
  {
    verb: 'wait --for=delete',
    act: async (k) => {
      await k.create(configMap('leaving'));
      await Promise.all([k.run('wait cm/leaving --for=delete --timeout=10s'), k.run('delete cm leaving')]);
    },
  },
  {
    verb: 'wait --for=create',
    since: 31,
    act: async (k) => {
      await Promise.all([
        k.says(/condition met/, 'wait cm/arriving --for=create --timeout=10s'),
        k.create(configMap('arriving')),
      ]);
    },
  },
];

const deletes: Row[] = [
  {
    verb: 'delete',
    act: async (k) => {
      await k.create(configMap('d1'), configMap('d2', {}, { app: 'd' }), job('d3'));
      await k.says(/configmap "d1" deleted/, 'delete cm d1');
      await k.says(/configmap "d2" deleted/, 'delete cm -l app=d');
      await k.says(/deleted \(server dry run\)/, 'delete gj/d3 --dry-run=server');
      await k.says(/"d3" deleted/, 'delete -f', await k.file('d3', job('d3')));
      await k.fails(/NotFound/, 'delete cm d1');
      await k.run('delete cm d1 --ignore-not-found');
    },
  },
  {
    verb: 'delete --all',
    act: async (k) => {
      await k.create(lease('l1'), lease('l2'));
      await k.says(/"l1" deleted[\s\S]*"l2" deleted/, 'delete leases --all');
      await k.says(/No resources found/, 'get leases');
    },
  },
  {
    verb: 'delete --cascade, --force',
    act: async (k) => {
      await k.create(configMap('c1'), configMap('c2'), configMap('c3'), configMap('c4'));
      await k.run('delete cm c1 --cascade=background');
      const held = async (name: string, finalizer: RegExp, cascade: string): Promise<void> => {
        await k.run(`delete cm ${name} --cascade=${cascade} --wait=false`);
        await k.says(finalizer, `get cm ${name} -o jsonpath={.metadata.finalizers}`);
        await k.run(`patch cm ${name} --type=merge -p`, '{"metadata":{"finalizers":null}}');
      };
      await held('c2', /foregroundDeletion/, 'foreground');
      await held('c3', /orphan/, 'orphan');
      await k.says(/"c4" force deleted/, 'delete cm c4 --force --grace-period=0');
    },
  },
];

const stories: Row[] = [
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

export const kubectlRows: readonly Row[] = [
  ...discovery,
  ...gets,
  ...watches,
  ...creates,
  ...changes,
  ...waits,
  ...deletes,
  ...stories,
];

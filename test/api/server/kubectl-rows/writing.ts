/** Creating, changing and deleting, everything but apply. */
import type { Row } from '../../../kit/kubectl-matrix.ts';
import { addNode, configMap, definition, job, lease, spec } from './objects.ts';

export const creates: Row[] = [
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
    verb: 'create serviceaccount, create token',
    act: async (k) => {
      await k.says(/serviceaccount\/robot created/, 'create serviceaccount robot');
      await k.says(/^robot +0 /m, 'get sa robot');
      await k.says(/^[\w-]+\.[\w-]+\.[\w-]+$/, 'create token robot --duration=1h');
      await k.fails(/10 minutes/, 'create token robot --duration=1m');
      await k.fails(/"nobody" not found/, 'create token nobody');
      await k.says(/serviceaccount "robot" deleted/, 'delete sa robot');
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
    verb: 'create service, change of its ports by apply',
    act: async (k) => {
      await k.says(/service\/s created/, 'create service clusterip s --tcp=80:8080');
      await k.says(/^s +ClusterIP +10\.96\.\d+\.\d+ +<none> +80\/TCP/m, 'get svc s');
      await k.says(/^8080$/, 'get service s -o jsonpath={.spec.ports[0].targetPort}');
      await k.run('create service clusterip headless --clusterip=None');
      await k.run('create service externalname far --external-name=db.example.org');
      await k.says(/^far +ExternalName +<none> +db\.example\.org/m, 'get svc far');
      const service = (ports: object[]) => ({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'applied' },
        spec: { selector: { app: 'web' }, ports },
      });
      const [http, tls] = [
        { name: 'http', port: 80, targetPort: 'http' },
        { name: 'tls', port: 443 },
      ];
      await k.run('apply -f', await k.file('service', service([http])));
      await k.says(/configured/, 'apply -f', await k.file('service', service([tls, http])));
      await k.says(/^443 80$/, 'get svc applied -o jsonpath={.spec.ports[*].port}');
      await k.says(/Selector: +app=web[\s\S]*TargetPort: +http\/TCP/, 'describe svc applied');
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

export const changes: Row[] = [
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
    verb: 'patch (strategic)',
    act: async (k) => {
      await k.create(configMap('strategic', { a: '1', b: '2' }));
      await k.run('patch cm strategic -p', '{"data":{"a":null,"c":"3"}}');
      await k.says(/^\{"b":"2","c":"3"\}$/, 'get cm strategic -o jsonpath={.data}');
      await k.create(job('strategic'));
      const template = { spec: { containers: [{ name: 'main', command: ['true'] }] } };
      await k.run('patch gj strategic -p', JSON.stringify({ spec: { template } }));
      const container = '{.spec.template.spec.containers[0]';
      await k.says(
        /^busybox \["true"\]$/,
        'get gj strategic -o',
        `jsonpath=${container}.image} ${container}.command}`,
      );
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

export const deletes: Row[] = [
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

export const customKinds: Row[] = [
  {
    verb: 'custom kinds',
    act: async (k) => {
      const kind = `Gauge${k.version.replace('-', '')}`;
      const resource = `${kind.toLowerCase()}s`;
      await k.create(definition(kind));
      await k.run(`wait crd/${resource}.example.com --for=condition=Established --timeout=10s`);
      const gauge = { apiVersion: 'example.com/v1', kind, metadata: { name: 'g' }, spec: { replicas: 1 } };
      await k.says(/created/, 'apply -f', await k.file('gauge', gauge));
      await k.says(/unchanged/, 'apply -f', await k.file('gauge', gauge));
      await k.says(/^NAME +COLOUR[\s\S]*^g +red/m, `get ${resource}`);
      await k.says(/What it looks like/, `explain ${resource}.spec.colour`);
      await k.says(/scaled/, `scale ${resource}/g --replicas=3`);
      const wrong = await k.file('gauge', { ...gauge, spec: { replicas: -1 } });
      await k.fails(/spec\.replicas/, `apply -f ${wrong}`);
      await k.run(`delete crd ${resource}.example.com --timeout=10s`);
      await k.fails(/could not find the requested resource|doesn't have a resource type/, `get ${resource}`);
    },
  },
];

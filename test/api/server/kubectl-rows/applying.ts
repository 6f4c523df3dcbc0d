/** Apply in all its forms, and what belongs to it. */
import type { Row } from '../../../kit/kubectl-matrix.ts';
import { configMap, job, spec } from './objects.ts';

export const applies: Row[] = [
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
    verb: 'apply of what gets defaults inside lists',
    act: async (k) => {
      const web = (image: string) => {
        const env = [{ name: 'A', value: 'b' }];
        const container = { name: 'main', image, env, ports: [{ containerPort: 8080 }] };
        return { ...job('defaulted'), spec: { ...spec, template: { spec: { containers: [container] } } } };
      };
      const file = await k.file('defaulted', web('a'));
      await k.says(/created/, 'apply -f', file);
      await k.says(/unchanged/, 'apply -f', file);
      await k.says(/configured/, 'apply -f', await k.file('defaulted', web('b')));
      const port =
        '{.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].ports[0].protocol}';
      await k.says(/^b TCP$/, 'get gj defaulted -o', `jsonpath=${port}`);
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
      await apply('ssa-large', configMap('ssa-large', { text: 'x'.repeat(1_000_000) }));
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
];

/** Commands that wait for changes. */
import type { Row } from '../../../kit/kubectl-matrix.ts';
import { configMap, job } from './objects.ts';

export const watches: Row[] = [
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

export const waits: Row[] = [
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

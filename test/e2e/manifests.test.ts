import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalCluster } from './local-cluster.ts';

/** What each manifest must come to. Every file under manifests/ has a line here. */
const outcomes: Record<string, string[][]> = {
  'quickstart.yaml': [['wait', 'job/web', '--for=condition=Available']],
  '01-service.yaml': [['wait', 'job/hello', '--for=condition=Available']],
  '02-batch.yaml': [['wait', 'job/squares', '--for=condition=Complete']],
  '03-limits.yaml': [
    ['wait', 'job/throttled', '--for=condition=Available'],
    ['wait', 'job/eater', '--for=condition=Failed'],
  ],
  '04-placement.yaml': [['wait', 'job/placed', '--for=condition=Available']],
  '05-objects.yaml': [['wait', 'namespace/team-a', '--for=jsonpath={.status.phase}=Active']],
  '06-crontab.yaml': [
    ['wait', 'crd/crontabs.stable.example.com', '--for=condition=Established'],
    ['wait', 'ct/my-new-cron-object', '--for=jsonpath={.spec.replicas}=1'],
  ],
  '07-probes.yaml': [['wait', 'job/probed', '--for=condition=Available']],
  '08-files.yaml': [['wait', 'job/files', '--for=condition=Available']],
  '09-gang.yaml': [['wait', 'job/simulation', '--for=condition=Complete']],
  '10-kubernetes-pods.yaml': [
    ['wait', 'pod/greeter', '--for=condition=Ready'],
    ['wait', 'pod/asker', '--for=jsonpath={.status.phase}=Succeeded'],
  ],
  '12-local-volume.yaml': [
    ['wait', 'pod/notes', '--for=condition=Ready'],
    ['wait', 'pvc/notes', '--for=jsonpath={.status.phase}=Bound'],
  ],
  '11-service-names.yaml': [
    ['wait', 'job/shop', '--for=condition=Available'],
    ['wait', 'job/visitor', '--for=condition=Available'],
  ],
};

describe('the manifests', () => {
  const cluster = new LocalCluster('manifests');
  beforeAll(() => cluster.up());
  afterAll(() => cluster.remove());

  it('are all known here', () => {
    expect(readdirSync('manifests').sort()).toEqual(Object.keys(outcomes).sort());
  });

  it.each(Object.keys(outcomes))(
    '%s is applied, does what it says, and is applied again without a change',
    async (file) => {
      await cluster.succeed('apply', '-f', `manifests/${file}`);
      for (const command of outcomes[file] ?? []) await cluster.succeed(...command, '--timeout=60s');
      const { stdout } = await cluster.succeed('apply', '-f', `manifests/${file}`);
      expect(
        stdout
          .trim()
          .split('\n')
          .every((line) => line.endsWith('unchanged')),
      ).toBe(true);
      await cluster.succeed('delete', '-f', `manifests/${file}`, '--timeout=60s');
    },
  );
});

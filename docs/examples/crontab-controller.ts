/**
 * A controller for a kind of one's own: every CronTab (manifests/06-crontab.yaml) gets a job that runs
 * its image. The job follows the CronTab's replicas, and goes with it; the CronTab's status tells how far it is.
 */
import { controller, Job, type KubeObject, ownerReference, resource } from '../../client/index.ts';

export interface CronTab extends KubeObject {
  spec: { cronSpec: string; image: string; replicas: number };
  status?: { replicas?: number; labelSelector?: string };
}

export const CronTab = resource<CronTab>({
  group: 'stable.example.com',
  version: 'v1',
  kind: 'CronTab',
  plural: 'crontabs',
  singular: 'crontab',
  shortNames: ['ct'],
  categories: [],
  namespaced: true,
});

export const cronTabController = controller(CronTab)
  .owns(Job)
  .reconcile(async (cronTab, { cache, client }) => {
    if (cronTab.metadata.deletionTimestamp) return;
    const [job] = cache(Job).ownedBy(cronTab);
    const { name, namespace = 'default' } = cronTab.metadata;
    const { image, replicas } = cronTab.spec;
    if (!job) {
      await client.create(Job, {
        metadata: { name, namespace, ownerReferences: [ownerReference(cronTab)] },
        spec: { type: 'Service', replicas, template: { spec: { containers: [{ name: 'main', image }] } } },
      });
    } else if (job.spec.replicas !== replicas) {
      await client.patch(
        Job,
        { namespace, name: job.metadata.name },
        { type: 'merge', body: { spec: { replicas } } },
      );
    }
    const status = { replicas: job?.status?.replicas ?? 0, labelSelector: `gantry.dev/job=${name}` };
    if (cronTab.status?.replicas === status.replicas && cronTab.status.labelSelector) return;
    await client.updateStatus(CronTab, { ...cronTab, status });
  });

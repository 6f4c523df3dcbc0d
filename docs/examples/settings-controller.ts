import { ConfigMap, controller, Job, ownerReference } from '../../client/index.ts';

/** Gives every job a ConfigMap with its settings, and puts it back when somebody deletes it. */
export const settingsController = controller(Job)
  .owns(ConfigMap)
  .reconcile(async (job, context) => {
    if (context.cache(ConfigMap).ownedBy(job).length > 0) return;
    const { name, namespace } = job.metadata;
    await context.client.create(ConfigMap, {
      metadata: { name: `${name}-settings`, namespace, ownerReferences: [ownerReference(job)] },
      data: { replicas: String(job.spec.replicas ?? 1) },
    });
  });

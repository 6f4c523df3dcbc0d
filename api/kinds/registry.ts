/** The only list of kinds. To add one: write its file, put it here and into `names.ts` and `resources.ts` (views: `names.ts` alone). */
import { configMapKind } from './config-map.ts';
import { customResourceDefinitionKind } from './custom-resource-definition.ts';
import { type AnyKind, anyKind } from './define-kind.ts';
import { endpointSliceKind } from './endpoint-slice.ts';
import { eventKind } from './event.ts';
import { jobKind } from './job.ts';
import { leaseKind } from './lease.ts';
import { namespaceKind } from './namespace.ts';
import { nodeKind } from './node.ts';
import { persistentVolumeKind } from './persistent-volume.ts';
import { persistentVolumeClaimKind } from './persistent-volume-claim.ts';
import { podKind } from './pod.ts';
import { podDisruptionBudgetKind } from './pod-disruption-budget.ts';
import { priorityClassKind } from './priority-class.ts';
import { secretKind } from './secret.ts';
import { serviceKind } from './service.ts';
import { serviceAccountKind } from './service-account.ts';
import { storageClassKind } from './storage-class.ts';
import { taskKind } from './task.ts';

export const builtinKinds: readonly AnyKind[] = [
  anyKind(jobKind),
  anyKind(taskKind),
  anyKind(podKind),
  anyKind(nodeKind),
  anyKind(namespaceKind),
  anyKind(eventKind),
  anyKind(configMapKind),
  anyKind(secretKind),
  anyKind(serviceAccountKind),
  anyKind(serviceKind),
  anyKind(endpointSliceKind),
  anyKind(persistentVolumeClaimKind),
  anyKind(persistentVolumeKind),
  anyKind(storageClassKind),
  anyKind(leaseKind),
  anyKind(priorityClassKind),
  anyKind(podDisruptionBudgetKind),
  anyKind(customResourceDefinitionKind),
];

/**
 * Rules that need more than the object itself: who writes it, and what else exists. Runs after validation,
 * for every write of every kind.
 */
import { defaultNamespace, names, nodeLeaseNamespace, systemNamespace } from '../kinds/names.ts';
import { defaultPriorityClassName } from '../kinds/priority-bands.ts';
import { ApiError } from '../meta/api-error.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import { admitClaim } from './admission/default-class.ts';
import { admitSecurity } from './admission/pod-security.ts';
import type { CachedObject } from './cached-object.ts';
import type { Call } from './call.ts';
import { invalidError } from './field-errors.ts';
import { kindId } from './keys.ts';
import { nodeRefusal } from './node-restriction.ts';
import { admitOwners } from './owner-admission.ts';
import { admitService } from './service-address.ts';
import { forbiddenToNode } from './verbs/target.ts';

/** Throws ApiError Forbidden or Invalid. May fill in fields of a new object. */
export function admit(call: Call, object: AnyObject, old?: AnyObject): void {
  const { user, served, verb, path } = call;
  const refusal = nodeRefusal(user, served.kind, {
    verb,
    object,
    ...(old ? { old } : {}),
    ...(path.subresource === undefined ? {} : { subresource: path.subresource }),
  });
  if (refusal) throw forbiddenToNode(call, refusal);
  if (path.subresource === undefined) admitOwners(call, object, old);
  if (path.subresource === undefined || path.subresource === 'ephemeralcontainers')
    admitSecurity(call, object, old);
  if (!old && kindId(served.kind) === kindId(names.Task)) admitTask(call, object);
  if (!old && kindId(served.kind) === kindId(names.PersistentVolumeClaim)) admitClaim(call, object);
  if (path.subresource === undefined && kindId(served.kind) === kindId(names.Service))
    admitService(call, object, old);
}

const immortalNamespaces: readonly string[] = [defaultNamespace, systemNamespace, nodeLeaseNamespace];

/** Throws ApiError Forbidden for the namespaces the cluster itself lives in. */
export function admitDeletion(
  { served: { kind } }: Pick<Call, 'served'>,
  { metadata: { name } }: AnyObject,
): void {
  if (kindId(kind) !== kindId(names.Namespace) || !immortalNamespaces.includes(name)) return;
  throw new ApiError(
    'Forbidden',
    `namespaces ${JSON.stringify(name)} is forbidden: this namespace may not be deleted`,
    {
      kind: kind.plural,
      name,
    },
  );
}

function refuseEphemeral({ served }: Call, { metadata, spec }: AnyObject): void {
  if (spec?.['ephemeralContainers'] === undefined) return;
  const message = 'Forbidden: are added to a task that runs, through the subresource ephemeralcontainers';
  throw invalidError(served.kind, metadata.name, [
    { field: 'spec.ephemeralContainers', message, reason: 'FieldValueForbidden' },
  ]);
}

function admitTask(call: Call, task: AnyObject): void {
  const { backend, served } = call;
  refuseEphemeral(call, task);
  const spec = (task.spec ??= {});
  for (const field of ['nodeName', 'devices', 'claimPaths']) {
    if (spec[field] === undefined) continue;
    throw invalidError(served.kind, task.metadata.name, [
      {
        field: `spec.${field}`,
        message: 'Forbidden: is set by binding the task, not by creating it',
        reason: 'FieldValueForbidden',
      },
    ]);
  }
  const classes = backend.cache.kind(names.PriorityClass);
  const className = String(
    spec['priorityClassName'] ?? globalDefault(classes.list()) ?? defaultPriorityClassName,
  );
  const priorityClass = classes.get(className)?.fact(priorityOf);
  if (!priorityClass) {
    throw invalidError(served.kind, task.metadata.name, [
      {
        field: 'spec.priorityClassName',
        message: `Not found: ${JSON.stringify(className)}: no PriorityClass of that name; there are ${classes.keys.join(', ')}`,
        reason: 'FieldValueInvalid',
      },
    ]);
  }
  admitAccount(call, task);
  spec['priorityClassName'] = className;
  spec['priority'] = priorityClass.value;
}

/** What the account says of its tokens counts where the task says nothing. */
function admitAccount({ backend }: Call, { metadata, spec = {} }: AnyObject): void {
  const name = spec['serviceAccountName'];
  if (name === undefined || spec['automountServiceAccountToken'] !== undefined) return;
  const account = backend.cache.kind(names.ServiceAccount).get(`${metadata.namespace}/${name}`)?.parse();
  if (account?.['automountServiceAccountToken'] === false) spec['automountServiceAccountToken'] = false;
}

function globalDefault(classes: Iterable<CachedObject>): string | undefined {
  for (const object of classes) if (object.fact(priorityOf).globalDefault) return object.key;
  return undefined;
}

function priorityOf(priorityClass: AnyObject): { value: unknown; globalDefault: boolean } {
  const { value, globalDefault } = priorityClass as AnyObject & Record<string, unknown>;
  return { value, globalDefault: globalDefault === true };
}

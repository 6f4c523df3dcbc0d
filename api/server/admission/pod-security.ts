/**
 * The security level of a namespace, from Kubernetes' labels, kept by tasks and the templates of jobs:
 * `pod-security.kubernetes.io/enforce` refuses, `warn` tells the writer. Runs for what is new or changed.
 */
import { isDeepStrictEqual } from 'node:util';
import { names } from '../../kinds/names.ts';
import type { TaskSpec } from '../../kinds/task.ts';
import { ApiError, type Cause } from '../../meta/api-error.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import type { Call } from '../call.ts';
import { invalidError } from '../field-errors.ts';
import { kindId } from '../keys.ts';
import { type SecurityLevel, securityLevels, securityViolations } from './security-level.ts';

const prefix = 'pod-security.kubernetes.io';
const modes = ['enforce', 'warn', 'audit'];
/** Of namespaces that say nothing: whatever does not reach for its node runs (docs/design). */
const defaultLevel: SecurityLevel = 'baseline';

/** Throws ApiError Forbidden with the fields that are in the way, or Invalid for a level nobody knows. */
export function admitSecurity(call: Call, object: AnyObject, old?: AnyObject): void {
  const kind = kindId(call.served.kind);
  if (kind === kindId(names.Namespace)) checkLevels(call, object);
  const place = placeOf(kind, object);
  if (!place) return;
  if (old && isDeepStrictEqual(placeOf(kind, old)?.spec, place.spec)) return;
  const namespace = call.backend.cache.kind(names.Namespace).get(object.metadata.namespace ?? '');
  const labels = namespace?.fact(labelsOf) ?? {};
  const enforced = labels[`${prefix}/enforce`] ?? defaultLevel;
  const violations = securityViolations(enforced as SecurityLevel, place.spec, place.path);
  if (violations.length > 0) throw refusal(call, object, { level: enforced, violations });
  const warned = labels[`${prefix}/warn`];
  if (warned === undefined) return;
  for (const { field, message } of securityViolations(warned as SecurityLevel, place.spec, place.path))
    call.warnings.push(`would violate security level ${warned}: ${field}: ${message}`);
}

function labelsOf({ metadata: { labels = {} } }: AnyObject): Record<string, string> {
  return labels;
}

function placeOf(kind: string, { spec = {} }: AnyObject): { spec: TaskSpec; path: string } | undefined {
  if (kind === kindId(names.Task)) return { spec: spec as unknown as TaskSpec, path: 'spec' };
  if (kind !== kindId(names.Job)) return undefined;
  const template = spec['template'] as { spec: TaskSpec };
  return { spec: template.spec, path: 'spec.template.spec' };
}

function refusal(
  { served: { kind }, path: { namespace = '' } }: Call,
  { metadata: { name } }: AnyObject,
  { level, violations }: { level: string; violations: Cause[] },
): ApiError {
  const list = violations.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new ApiError(
    'Forbidden',
    `${kind.plural} ${JSON.stringify(name)} is forbidden: violates security level ${level} of namespace ${JSON.stringify(namespace)}: ${list}`,
    { group: kind.group, kind: kind.plural, name, causes: violations },
  );
}

function checkLevels({ served }: Call, { metadata }: AnyObject): void {
  const causes = modes.flatMap((mode): Cause[] => {
    const value = metadata.labels?.[`${prefix}/${mode}`];
    if (value === undefined || (securityLevels as readonly string[]).includes(value)) return [];
    const message = `${JSON.stringify(value)} is not one of ${securityLevels.join(', ')}`;
    return [{ field: `metadata.labels[${prefix}/${mode}]`, message, reason: 'FieldValueNotSupported' }];
  });
  if (causes.length > 0) throw invalidError(served.kind, metadata.name, causes);
}

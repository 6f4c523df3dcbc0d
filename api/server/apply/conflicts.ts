/** Conflicts: fields that an apply would change and that somebody else owns. Kubernetes' messages to the letter. */
import { ApiError, type Cause } from '../../meta/api-error.ts';
import { type FieldSet, pathsOf } from './field-set.ts';
import type { Manager } from './managed-fields.ts';

export interface Conflict {
  owner: Manager;
  fields: FieldSet;
}

/** 409 with one cause per field. Expects at least one conflict. */
export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const byOwner = new Map<string, string[]>();
  for (const { owner, fields } of conflicts) {
    const name = ownerText(owner);
    byOwner.set(name, [...(byOwner.get(name) ?? []), ...pathsOf(fields)]);
  }
  const owners = [...byOwner].sort(([left], [right]) => (left < right ? -1 : 1));
  const causes = owners.flatMap(([name, paths]) =>
    paths.map(
      (field): Cause => ({ reason: 'FieldManagerConflict', message: `conflict with ${name}`, field }),
    ),
  );
  return new ApiError('Conflict', conflictMessage(owners, causes), { causes });
}

function conflictMessage(owners: readonly [string, string[]][], causes: readonly Cause[]): string {
  const [only] = causes;
  if (only && causes.length === 1) return `Apply failed with 1 conflict: ${only.message}: ${only.field}`;
  const lines = owners.flatMap(([name, paths]) => [
    `conflicts with ${name}:`,
    ...paths.map((path) => `- ${path}`),
  ]);
  return `Apply failed with ${causes.length} conflicts: ${lines.join('\n')}`;
}

function ownerText({ manager, operation, apiVersion, subresource }: Manager): string {
  const name = JSON.stringify(manager);
  const named = subresource === undefined ? name : `${name} with subresource ${JSON.stringify(subresource)}`;
  return operation === 'Update' ? `${named} using ${apiVersion}` : named;
}

/**
 * Which names a definition gets, and what its status says about it. Names of a group are given once: to
 * the built-in kinds, then to whoever has them already, then in the order of creation. Pure, and the same
 * on every API server that sees the same definitions.
 */

import type { CustomNames, CustomResourceDefinition } from '../../kinds/custom-resource-definition.ts';
import type { AnyKind } from '../../kinds/define-kind.ts';
import { isConditionTrue, type NewCondition, withCondition } from '../../meta/conditions.ts';

type Status = NonNullable<CustomResourceDefinition['status']>;

export interface SeenDefinition {
  definition: CustomResourceDefinition;
  /** Of its latest write. */
  revision: number;
}

/** The status each definition is to have, by name. */
export function decideDefinitions(
  seen: readonly SeenDefinition[],
  builtin: readonly AnyKind[],
  nowMs: number,
): Map<string, Status> {
  const taken = new TakenNames(builtin);
  const statuses = new Map<string, Status>();
  for (const { definition } of [...seen].sort(byClaim)) {
    statuses.set(definition.metadata.name, statusOf(definition, taken, nowMs));
  }
  return statuses;
}

function byClaim(left: SeenDefinition, right: SeenDefinition): number {
  const claim = ({ definition }: SeenDefinition): number => (isEstablished(definition) ? 0 : 1);
  return claim(left) - claim(right) || left.revision - right.revision;
}

export function isEstablished({ status }: CustomResourceDefinition): boolean {
  return isConditionTrue(status?.conditions, 'Established');
}

/** Names in use, per group: of resources (plural, singular, short), and of kinds. */
class TakenNames {
  readonly #resources = new Set<string>();
  readonly #kinds = new Set<string>();

  constructor(builtin: readonly AnyKind[]) {
    for (const { group, plural, singular, shortNames, kind } of builtin) {
      this.take(group, { plural, singular, shortNames: [...shortNames], kind, listKind: `${kind}List` });
    }
  }

  take(group: string, { plural, singular, shortNames = [], kind, listKind }: Partial<CustomNames>): void {
    for (const name of [plural, singular, ...shortNames])
      if (name !== undefined) this.#resources.add(`${group}/${name}`);
    for (const name of [kind, listKind]) if (name !== undefined) this.#kinds.add(`${group}/${name}`);
  }

  isResource(group: string, name: string): boolean {
    return this.#resources.has(`${group}/${name}`);
  }

  isKind(group: string, name: string): boolean {
    return this.#kinds.has(`${group}/${name}`);
  }
}

interface Conflict {
  reason: string;
  message: string;
}

function statusOf(definition: CustomResourceDefinition, taken: TakenNames, nowMs: number): Status {
  const { spec, status = {}, metadata } = definition;
  const { accepted, conflict } = acceptNames(definition, taken);
  taken.take(spec.group, accepted);
  const established = isEstablished(definition) || conflict === undefined;
  const conditions = [
    namesCondition(conflict),
    establishedCondition(established),
    ...(metadata.deletionTimestamp === undefined ? [] : [terminating]),
  ];
  const storage = spec.versions.filter((version) => version.storage).map(({ name }) => name);
  return {
    ...status,
    acceptedNames: accepted,
    conditions: conditions.reduce((list, next) => withCondition(list, next, nowMs), status.conditions ?? []),
    storedVersions: [...new Set([...(status.storedVersions ?? []), ...storage])],
  };
}

/** What is asked for and free; for what is not free, what was had before. */
function acceptNames(
  { spec: { group, names }, status }: CustomResourceDefinition,
  taken: TakenNames,
): { accepted: Partial<CustomNames>; conflict: Conflict | undefined } {
  const conflicts: Conflict[] = [];
  const accepted: Partial<CustomNames> = {};
  const claim = (reason: string, name: string, isTaken: boolean): boolean => {
    if (isTaken) conflicts.push({ reason, message: `${JSON.stringify(name)} is already in use` });
    return !isTaken;
  };
  const {
    plural,
    kind,
    singular = kind.toLowerCase(),
    listKind = `${kind}List`,
    shortNames = [],
    categories,
  } = names;
  if (claim('PluralConflict', plural, taken.isResource(group, plural))) accepted.plural = plural;
  if (claim('SingularConflict', singular, taken.isResource(group, singular))) accepted.singular = singular;
  const free = shortNames.filter((name) => claim('ShortNamesConflict', name, taken.isResource(group, name)));
  if (shortNames.length > 0) accepted.shortNames = free;
  if (claim('KindConflict', kind, taken.isKind(group, kind))) accepted.kind = kind;
  if (claim('ListKindConflict', listKind, taken.isKind(group, listKind))) accepted.listKind = listKind;
  if (categories) accepted.categories = categories;
  const had = isConditionTrue(status?.conditions, 'Established') ? status?.acceptedNames : {};
  return { accepted: { ...had, ...accepted }, conflict: conflicts[0] };
}

function namesCondition(conflict: Conflict | undefined): NewCondition {
  return conflict
    ? { type: 'NamesAccepted', status: 'False', ...conflict }
    : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' };
}

function establishedCondition(established: boolean): NewCondition {
  return established
    ? {
        type: 'Established',
        status: 'True',
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
      }
    : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
}

const terminating: NewCondition = {
  type: 'Terminating',
  status: 'True',
  reason: 'InstanceDeletionInProgress',
  message: 'its objects are being deleted',
};

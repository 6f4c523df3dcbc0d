/** What a CustomResourceDefinition must satisfy to be stored: names, versions, schemas, paths. Pure. */
import type { Cause } from '../meta/api-error.ts';
import { dnsLabelError, dnsSubdomainError } from '../meta/names.ts';
import type { CustomResourceDefinition, CustomVersion } from './custom-resource-definition.ts';
import { schemaCauses, withTypeMeta } from './custom-schema.ts';
import { parseJsonPath } from './json-path.ts';
import { ruleCauses } from './validation-rules.ts';

export function definitionCauses(
  definition: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): Cause[] {
  const causes = [
    ...nameCauses(definition),
    ...groupCauses(definition),
    ...conversionCauses(definition),
    ...versionsCauses(definition),
    ...(old ? changeCauses(definition, old) : []),
  ];
  if (causes.length > 0) return causes;
  return definition.spec.versions.flatMap((version, index) =>
    versionCauses(version, `spec.versions[${index}]`),
  );
}

function causeIf(field: string, message: string | undefined | false): Cause[] {
  return message === undefined || message === false ? [] : [{ field, message, reason: 'FieldValueInvalid' }];
}

const kindShape = /^[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

function nameCauses({ metadata, spec: { names, group } }: CustomResourceDefinition): Cause[] {
  const { plural, kind, singular, listKind, shortNames = [], categories = [] } = names;
  const expected = `${plural}.${group}`;
  const words: [string, string][] = [
    ...shortNames.map((name, index): [string, string] => [`shortNames[${index}]`, name]),
    ...categories.map((name, index): [string, string] => [`categories[${index}]`, name]),
  ];
  return [
    ...causeIf(
      'metadata.name',
      metadata.name !== expected &&
        `must be spec.names.plural+"."+spec.group, that is ${JSON.stringify(expected)}`,
    ),
    ...causeIf('spec.names.plural', dnsLabelError(plural)),
    ...causeIf('spec.names.singular', singular === undefined ? undefined : dnsLabelError(singular)),
    ...causeIf(
      'spec.names.kind',
      !kindShape.test(kind) && 'must be letters, digits and -, beginning with a letter',
    ),
    ...causeIf(
      'spec.names.listKind',
      listKind !== undefined && listKind !== `${kind}List` && `must be ${kind}List`,
    ),
    ...words.flatMap(([field, name]) => causeIf(`spec.names.${field}`, dnsLabelError(name))),
  ];
}

/** Kubernetes keeps its own groups for APIs it has approved, and so do we. */
const protectedGroup = /(^|\.)(k8s|kubernetes)\.io$/;
const approval = 'api-approved.kubernetes.io';

function groupCauses({ metadata, spec: { group } }: CustomResourceDefinition): Cause[] {
  const approved = metadata.annotations?.[approval] ?? '';
  return [
    ...causeIf('spec.group', dnsSubdomainError(group)),
    ...causeIf('spec.group', !group.includes('.') && 'should be a domain with at least one dot'),
    ...causeIf(
      `metadata.annotations[${approval}]`,
      protectedGroup.test(group) &&
        approved === '' &&
        `protected groups must have approval annotation ${approval}`,
    ),
  ];
}

function conversionCauses({
  spec: { conversion, preserveUnknownFields },
}: CustomResourceDefinition): Cause[] {
  return [
    ...causeIf(
      'spec.conversion.strategy',
      conversion?.strategy === 'Webhook' &&
        'conversion webhooks are not supported: use None, and give all versions the same fields',
    ),
    ...causeIf(
      'spec.preserveUnknownFields',
      preserveUnknownFields === true &&
        'cannot be true: set x-kubernetes-preserve-unknown-fields in the schema instead',
    ),
  ];
}

function versionsCauses({ spec: { versions } }: CustomResourceDefinition): Cause[] {
  const stored = versions.filter(({ storage }) => storage).length;
  const seen = new Set<string>();
  return [
    ...causeIf(
      'spec.versions',
      stored !== 1 && `must have exactly one version marked as storage version, has ${stored}`,
    ),
    ...versions.flatMap(({ name }, index) => {
      const isDuplicate = seen.has(name);
      seen.add(name);
      const field = `spec.versions[${index}].name`;
      return [
        ...causeIf(field, dnsLabelError(name)),
        ...causeIf(field, isDuplicate && `Duplicate value: ${JSON.stringify(name)}`),
      ];
    }),
  ];
}

function changeCauses({ spec, status }: CustomResourceDefinition, old: CustomResourceDefinition): Cause[] {
  const immutable = [
    ['spec.scope', spec.scope, old.spec.scope],
    ['spec.names.kind', spec.names.kind, old.spec.names.kind],
  ] as const;
  const names = new Set(spec.versions.map(({ name }) => name));
  return [
    ...immutable.flatMap(([field, now, before]) => causeIf(field, now !== before && 'field is immutable')),
    ...(status?.storedVersions ?? []).flatMap((name, index) =>
      causeIf(
        `status.storedVersions[${index}]`,
        !names.has(name) && `Invalid value: ${JSON.stringify(name)}: must appear in spec.versions`,
      ),
    ),
  ];
}

function versionCauses(version: CustomVersion, path: string): Cause[] {
  const root = `${path}.schema.openAPIV3Schema`;
  const broken = schemaCauses(version.schema.openAPIV3Schema, root);
  // Rules are only looked at where the schema they speak of makes sense.
  const rules = broken.length > 0 ? broken : ruleCauses(withTypeMeta(version.schema.openAPIV3Schema), root);
  return [...rules, ...pathCauses(version, path)];
}

function pathCauses(
  { additionalPrinterColumns = [], selectableFields = [], subresources }: CustomVersion,
  path: string,
): Cause[] {
  const { scale } = subresources ?? {};
  const at = `${path}.subresources.scale`;
  return [
    ...additionalPrinterColumns.flatMap(({ jsonPath }, index) =>
      causeIf(
        `${path}.additionalPrinterColumns[${index}].jsonPath`,
        parseJsonPath(jsonPath) === undefined && 'must be a path such as .spec.replicas',
      ),
    ),
    ...selectableFields.flatMap(({ jsonPath }, index) =>
      causeIf(`${path}.selectableFields[${index}].jsonPath`, plainPathError(jsonPath, '')),
    ),
    ...(scale
      ? [
          ...causeIf(`${at}.specReplicasPath`, plainPathError(scale.specReplicasPath, 'spec')),
          ...causeIf(`${at}.statusReplicasPath`, plainPathError(scale.statusReplicasPath, 'status')),
          ...causeIf(
            `${at}.labelSelectorPath`,
            scale.labelSelectorPath === undefined ? undefined : plainPathError(scale.labelSelectorPath, ''),
          ),
        ]
      : []),
  ];
}

function plainPathError(text: string, root: string): string | undefined {
  const names = parseJsonPath(text)?.plainNames;
  if (!names || !text.startsWith('.')) return 'must be a path of names, such as .spec.replicas';
  if (root !== '' && (names[0] !== root || names.length < 2)) return `should be a path under .${root}`;
  return names[0] === 'metadata' ? 'must not be under .metadata' : undefined;
}

/**
 * A Task as a Pod, and a Pod as the Task that is stored. Pure.
 *
 * Most of a Pod's spec is the task's own. What a task has no word for stands, as the difference, in an
 * annotation of the task, and is put back when the Pod is shown: whatever was written is read again.
 */
import type { AnyObject } from '../meta/object-meta.ts';
import type { View } from './define-kind.ts';
import { differenceOf, withDifference } from './difference.ts';
import { apiVersionOf, names } from './names.ts';
import { taskOnlyFields, taskSpecSchema } from './pod-schema.ts';
import { podStatus, taskStatus } from './pod-status.ts';

type Json = Record<string, unknown>;

/** Annotation of a task: what its Pod says beyond it, as JSON. */
const podAnnotation = 'gantry.dev/pod';

export const podView: View = {
  show({ metadata, spec = {}, status = {}, ...rest }) {
    const { annotations = {}, ...others } = metadata;
    const { [podAnnotation]: more, ...kept } = annotations;
    const isKept = metadata.annotations !== undefined && (more === undefined || Object.keys(kept).length > 0);
    return {
      ...rest,
      apiVersion: apiVersionOf(names.Pod),
      kind: names.Pod.kind,
      metadata: { ...others, ...(isKept ? { annotations: kept } : {}) },
      spec: withMore(asPodSpec(spec), more, spec['nodeName']),
      status: podStatus(status),
    };
  },

  store({ metadata, spec = {}, status = {}, ...rest }, before) {
    const kept = taskOnlyFields.flatMap((field) => {
      const value = before?.spec?.[field];
      return value === undefined ? [] : [[field, value]];
    });
    const taskSpec = { ...asTaskSpec(spec), ...Object.fromEntries(kept) } as Json;
    return {
      ...rest,
      apiVersion: apiVersionOf(names.Task),
      kind: names.Task.kind,
      metadata: { ...metadata, ...annotationsWith(metadata, differenceOf(asPodSpec(taskSpec), spec)) },
      spec: taskSpec,
      status: taskStatus(status, before?.status),
    };
  },
};

function annotationsWith(
  { annotations }: AnyObject['metadata'],
  more: unknown,
): Pick<AnyObject['metadata'], 'annotations'> {
  const { [podAnnotation]: _own, ...others } = annotations ?? {};
  if (more !== undefined) return { annotations: { ...others, [podAnnotation]: inOneOrder(more) } };
  return annotations ? { annotations: others } : {};
}

/** The same text for the same difference, so that writing what is there changes nothing. */
function inOneOrder(value: unknown): string {
  return JSON.stringify(value, (_field, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([left], [right]) => (left < right ? -1 : 1)))
      : member,
  );
}

/** A task's spec in the words of a Pod, as far as the task goes. */
function asPodSpec(spec: Json): Json {
  const shown = Object.entries(spec).filter(([field]) => !taskOnlyFields.some((own) => own === field));
  return { dnsPolicy: 'ClusterFirst', securityContext: {}, ...Object.fromEntries(shown) };
}

/** Anybody may write an annotation: what cannot be read is passed over, and where the task runs is the task's to say. */
function withMore(spec: Json, more: string | undefined, nodeName: unknown): Json {
  if (more === undefined) return spec;
  let shown: unknown;
  try {
    shown = withDifference(spec, JSON.parse(more));
  } catch {
    return spec;
  }
  const { nodeName: _other, ...rest } = shown as Json;
  return nodeName === undefined ? rest : { ...rest, nodeName };
}

/** What a task can say of the Pod's spec. */
export function asTaskSpec(spec: Json): Json {
  const { securityContext, dnsPolicy, ...rest } = known(spec, taskSpecSchema) as Json;
  // Every Pod shows them, also where its task has none.
  const isSaid = Object.keys((securityContext ?? {}) as Json).length > 0;
  return {
    ...rest,
    ...(isSaid ? { securityContext } : {}),
    ...(dnsPolicy === undefined || dnsPolicy === 'ClusterFirst' ? {} : { dnsPolicy }),
  };
}

type Schema = typeof taskSpecSchema;

/** The value without the fields that the schema does not know. */
function known(value: unknown, { properties, items }: Schema): unknown {
  if (Array.isArray(value)) return items ? value.map((item) => known(item, items)) : value;
  if (!properties || typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).flatMap(([name, member]) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return schema ? [[name, known(member, schema)]] : [];
  });
  return Object.fromEntries(fields);
}

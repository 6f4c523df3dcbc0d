/**
 * A change handler that keeps its own picture of the collection from changes alone and refuses any change
 * that does not follow from it: nothing lost, nothing doubled, nothing in the wrong order.
 */
import { type KubeObject, keyOf } from '../../api/meta/object-meta.ts';
import type { Change } from '../../client/informer.ts';

export class ChangeLog<T extends KubeObject> {
  /** `+name`, `~name`, `-name`, in the order they came. */
  readonly lines: string[] = [];
  /** Changes that did not follow from those before. */
  readonly faults: string[] = [];
  readonly picture = new Map<string, T>();

  readonly handler = (change: Change<T>): void => {
    const { type, object } = change;
    const key = keyOf(object);
    const known = this.picture.get(key);
    const { name, uid, resourceVersion } = object.metadata;
    this.lines.push(`${{ added: '+', updated: '~', deleted: '-' }[type]}${name}`);
    if (type === 'added' && known) this.faults.push(`${key} added twice`);
    if (type !== 'added' && known?.metadata.uid !== uid) this.faults.push(`${key} ${type} but is not there`);
    if (type === 'updated') {
      if (change.old !== known) this.faults.push(`${key} updated from a state never shown`);
      if (known?.metadata.resourceVersion === resourceVersion) this.faults.push(`${key} updated to itself`);
    }
    if (type === 'deleted') this.picture.delete(key);
    else this.picture.set(key, object);
  };
}

/** Key, uid and version of each object: what two views of a collection must agree on. */
export function versionsOf(objects: Iterable<KubeObject>): string[] {
  return [...objects]
    .map((object) => `${keyOf(object)} ${object.metadata.uid} ${object.metadata.resourceVersion}`)
    .sort();
}

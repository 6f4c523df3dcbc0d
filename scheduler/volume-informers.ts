/** What the scheduler hears of claims, volumes and their classes; tells the cluster's claims. */
import { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../api/kinds/resources.ts';
import { Informer, type InformerOptions } from '../client/informer.ts';
import type { ClusterClaims } from './cluster-claims.ts';

type Shared = Omit<InformerOptions<never>, 'resource' | 'scope' | 'transform'>;

export class VolumeInformers {
  readonly all: readonly { start(): unknown; stop(): Promise<void>; whenSynced(): Promise<void> }[];

  constructor(shared: Shared, state: ClusterClaims) {
    const claims = new Informer({ ...shared, resource: PersistentVolumeClaim });
    const volumes = new Informer({ ...shared, resource: PersistentVolume });
    const classes = new Informer({ ...shared, resource: StorageClass });
    claims.onChange(({ type, object }) => state.setClaim(object, type === 'deleted'));
    volumes.onChange(({ type, object }) => state.setVolume(object, type === 'deleted'));
    classes.onChange(({ type, object }) => state.setStorageClass(object, type === 'deleted'));
    this.all = [claims, volumes, classes];
  }
}

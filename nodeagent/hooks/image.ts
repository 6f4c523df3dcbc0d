/** The image: its files and its configuration, pulled if need be. No image: the host's own files. */

import type { TaskSpec } from '../../api/kinds/task.ts';
import { type Credential, dockerConfigKeys, parseDockerConfig } from '../images/credentials.ts';
import type { Start, StartHook } from './hook.ts';

export const imageHook: StartHook = async (start) => {
  const { container, record, images, wake, onEvent } = start;
  const { image, imagePullPolicy } = container;
  if (image === undefined) return undefined;
  const answer = await images.ensure({
    owner: imageOwner(record.uid, container.name),
    image,
    ...(imagePullPolicy === undefined ? {} : { policy: imagePullPolicy }),
    logins: () => loginsOf(start),
    wake,
    onEvent,
  });
  if (answer.state === 'waiting') return answer;
  const { rootfs, digest } = answer.image;
  start.root = { from: 'image', rootfs, digest };
  start.imageConfig = answer.image.config;
  start.imageID = answer.imageID;
  return undefined;
};

export function imageOwner(uid: string, container: string): string {
  return `${uid}/${container}`;
}

/** As kubelet does it: a Secret that is missing or broken is told of, and passed over. */
async function loginsOf({ record, volumes, onEvent }: Start): Promise<Credential[]> {
  const { imagePullSecrets = [] }: TaskSpec = record.task.spec;
  const found = await Promise.all(
    imagePullSecrets.map(async ({ name }): Promise<Credential[]> => {
      try {
        const data = await volumes.config('secret', name);
        const key = dockerConfigKeys.find((each) => data.has(each));
        if (key === undefined) throw new Error(`has none of ${dockerConfigKeys.join(', ')}`);
        return parseDockerConfig(data.get(key)?.toString('utf8') ?? '');
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        onEvent('Warning', 'FailedToRetrieveImagePullSecret', `pull secret ${name}: ${problem}`);
        return [];
      }
    }),
  );
  return found.flat();
}

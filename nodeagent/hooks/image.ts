/** The image: its files and its configuration, from what is loaded on the node. No image: the host's own files. */
import { findImage } from '../images/image-store.ts';
import { normalReference } from '../images/reference.ts';
import type { StartHook } from './hook.ts';

export const imageHook: StartHook = async (start) => {
  const { container, node } = start;
  if (container.image === undefined) return undefined;
  const image = await findImage(node.imageDirectory, container.image);
  if (!image) {
    const reason = container.imagePullPolicy === 'Never' ? 'ErrImageNeverPull' : 'ImageNotPresent';
    const name = normalReference(container.image) ?? container.image;
    return {
      reason,
      message: `image ${name} is not on node ${node.name}: load it with gantry image load -f <archive>`,
    };
  }
  start.root = { from: 'image', rootfs: image.rootfs };
  start.imageConfig = image.config;
  start.imageID = image.digest;
  return undefined;
};

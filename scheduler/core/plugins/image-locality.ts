/**
 * Where a task's images are already, it starts sooner (kube-scheduler's ImageLocality): their bytes there, from
 * 23 MB, which is soon pulled, to 1 GB per container. Unlike kube-scheduler's, a node's score does not fall when
 * few other nodes have the image: it would change with every pull anywhere.
 */
import type { Plugin } from '../plugin.ts';

const leastBytes = 23 * 1024 ** 2;
const mostBytesPerContainer = 1000 * 1024 ** 2;

export const imageLocality = {
  name: 'ImageLocality',
  readsNodeFactsOnly: true,

  preScore: ({ images }) => (images.length > 0 ? images : undefined),

  score(images, { size, imageBytes }, scores) {
    for (let slot = 0; slot < size; slot++) scores[slot] = scoreOf(images, imageBytes[slot]);
  },

  scoreSlot: (images, { imageBytes }, slot) => scoreOf(images, imageBytes[slot]),
} satisfies Plugin<never, readonly string[]>;

function scoreOf(images: readonly string[], there: ReadonlyMap<string, number> | undefined): number {
  let bytes = 0;
  for (const image of images) bytes += there?.get(image) ?? 0;
  const most = mostBytesPerContainer * images.length;
  return (100 * (Math.min(Math.max(bytes, leastBytes), most) - leastBytes)) / (most - leastBytes);
}

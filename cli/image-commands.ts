/** The rows of the command table for `gantry image …`. */
import type { CommandFlag, CommandRow } from './command.ts';

const onNode: CommandFlag = {
  flags: '--node <name>',
  description: 'on this node only; may be repeated',
  repeatable: true,
};

export const imageRows: readonly CommandRow[] = [
  {
    name: 'image list',
    summary: 'list the images on the nodes, their size and who uses them',
    flags: [onNode],
    load: async () => (await import('./commands/image.ts')).listImages,
  },
  {
    name: 'image load',
    arguments: '[archive...]',
    summary: 'load images from archives onto the nodes',
    flags: [
      {
        flags: '-f, --filename <archive>',
        repeatable: true,
        description: 'OCI or Docker archive, plain or compressed; may be repeated',
      },
      { flags: '--as <name>', description: 'the name of an image that has none, or is to have another' },
      onNode,
    ],
    load: async () => (await import('./commands/image.ts')).loadImages,
  },
  {
    name: 'image save',
    arguments: '<image>',
    summary: 'save an image of the nodes to an archive',
    flags: [
      { flags: '-o, --output <file>', description: 'archive to write' },
      { flags: '--format <form>', description: 'oci-archive or docker-archive', default: 'oci-archive' },
      onNode,
    ],
    load: async () => (await import('./commands/image.ts')).saveImage,
  },
  {
    name: 'image pull',
    arguments: '<image...>',
    summary: 'pull images onto the nodes, with their own logins',
    flags: [onNode],
    load: async () => (await import('./commands/image.ts')).pullImages,
  },
  {
    name: 'image prune',
    summary: 'remove the images that no task uses',
    flags: [onNode],
    load: async () => (await import('./commands/image.ts')).pruneImages,
  },
];

/** The network: the node's, or one of the task's own, made with its first container and shared by all of them. */
import type { StartHook } from './hook.ts';

export const networkHook: StartHook = async ({ node, record, spec }) => {
  const { containers, initContainers = [], hostNetwork = true } = record.task.spec;
  if (hostNetwork) return undefined;
  if (!node.networks)
    return {
      reason: 'NetworkNotReady',
      message: `node ${node.name} gives tasks no network of their own (agent flag --task-cidr, driver oci)`,
    };
  const ports = [...containers, ...initContainers].flatMap((container) => container.ports ?? []);
  try {
    const { path, address } = await node.networks.ensure(record.uid, ports);
    spec.networkNamespace = path;
    record.address = address;
    return undefined;
  } catch (error) {
    return { reason: 'NetworkNotReady', message: error instanceof Error ? error.message : String(error) };
  }
};

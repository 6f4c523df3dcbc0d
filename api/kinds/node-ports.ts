/**
 * Ports of services on every node (types NodePort and LoadBalancer): which ports they may be, and what a service
 * may say about them. Which one a service gets, the API server decides (api/server/node-ports.ts).
 */
import type { Cause } from '../meta/api-error.ts';
import type { Claim } from './define-kind.ts';
import type { Service, ServicePort } from './service.ts';

/** Apart from the ports that are allotted to tasks. */
export const firstNodePort = 30_000;
export const lastNodePort = 32_767;

type Spec = Service['spec'];

/** Whether it is reached from outside the cluster, on addresses of nodes. */
export function isExternal({ type }: Pick<Spec, 'type'>): boolean {
  return type === 'NodePort' || type === 'LoadBalancer';
}

/** Whether each of its ports has one on every node. */
export function hasNodePorts(spec: Pick<Spec, 'type' | 'allocateLoadBalancerNodePorts'>): boolean {
  return (
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
  );
}

/** TCP and UDP of one service may share a number. */
export function nodePortClaims({ ports = [] }: Spec): Claim[] {
  const claims = ports.flatMap(({ nodePort }, index): [string, Claim][] => {
    const key = `node-ports/${nodePort}`;
    return nodePort ? [[key, { key, field: `spec.ports[${index}].nodePort` }]] : [];
  });
  return [...new Map(claims.reverse()).values()].reverse();
}

/** What a service keeps of a type it no longer has is no mistake: the API server takes it out. */
export function validateNodePorts(spec: Spec, old: Spec | undefined): Cause[] {
  const { ports = [], externalTrafficPolicy } = spec;
  const seen = new Set<string>();
  const causes = ports.flatMap((port, index): Cause[] => {
    const { nodePort = 0, protocol } = port;
    const field = `spec.ports[${index}].nodePort`;
    if (nodePort === 0 || isLeftOver(port, spec, old)) return [];
    if (!isExternal(spec))
      return [{ field, message: `may not be used when type is ${spec.type}`, reason: 'FieldValueForbidden' }];
    if (nodePort < firstNodePort || nodePort > lastNodePort)
      return [
        { field, message: `the provided port is not in the valid range, ${firstNodePort}-${lastNodePort}` },
      ];
    const key = `${nodePort}/${protocol}`;
    if (seen.has(key))
      return [{ field, message: `Duplicate value: ${nodePort}`, reason: 'FieldValueDuplicate' }];
    seen.add(key);
    return [];
  });
  const isStray =
    externalTrafficPolicy !== undefined &&
    !isExternal(spec) &&
    externalTrafficPolicy !== old?.externalTrafficPolicy;
  if (isStray)
    causes.push({
      field: 'spec.externalTrafficPolicy',
      message: 'may only be set when type is NodePort or LoadBalancer',
    });
  return causes;
}

function isLeftOver({ nodePort }: ServicePort, spec: Spec, old: Spec | undefined): boolean {
  return !isExternal(spec) && (old?.ports ?? []).some((before) => before.nodePort === nodePort);
}

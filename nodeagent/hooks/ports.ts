/**
 * Ports: tasks share the address of their node, so a port can be held by a process Gantry knows nothing
 * of. A test bind finds out before the task does. Of an allotted port that is final: the task's replacement
 * is given another.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { isAllottedPort, listeningPort } from '../../api/kinds/task-request.ts';
import type { ContainerPort } from '../../api/kinds/task-spec.ts';
import type { StartHook } from './hook.ts';

export const portsHook: StartHook = async ({ container, node, record }) => {
  const { spec } = record.task;
  // portmap takes a port in another way than a listener does, and has it from the first container on.
  if (spec.hostNetwork === false) return undefined;
  for (const port of container.ports ?? []) {
    if (await isFree(port)) continue;
    const number = hostPortOf(port);
    const message = `port ${number}/${port.protocol} is taken on node ${node.name} by another process`;
    return { reason: 'PortInUse', message, isFinal: isAllottedPort(number) };
  }
  return undefined;
};

const hostPortOf = (port: ContainerPort): number => listeningPort(port, {});

function isFree(port: ContainerPort): Promise<boolean> {
  const number = hostPortOf(port);
  return port.protocol === 'UDP' ? canBindUdp(number) : canListen(number);
}

function canListen(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function canBindUdp(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}

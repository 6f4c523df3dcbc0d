/**
 * Ports: tasks share the address of their node, so a port can be held by a process Gantry knows nothing
 * of. A test bind finds out before the task does.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { ContainerPort } from '../../api/kinds/task-spec.ts';
import type { StartHook } from './hook.ts';

export const portsHook: StartHook = async ({ container, node }) => {
  for (const port of container.ports ?? []) {
    if (await isFree(port)) continue;
    const number = port.hostPort ?? port.containerPort;
    return {
      reason: 'PortInUse',
      message: `port ${number}/${port.protocol} is taken on node ${node.name} by another process`,
    };
  }
  return undefined;
};

function isFree(port: ContainerPort): Promise<boolean> {
  const number = port.hostPort ?? port.containerPort;
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

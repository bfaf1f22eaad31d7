import type { ContainerInfo } from '../containers/index.ts';

/** "0.0.0.0:8080", "[::]:8080". */
export function hostAddress({ hostIp, hostPort }: { hostIp: string; hostPort: number }): string {
  return hostIp.includes(':') ? `[${hostIp}]:${hostPort}` : `${hostIp}:${hostPort}`;
}

/** As docker ps shows them: `0.0.0.0:8080->80/tcp`, and what is exposed and not published. */
export function portTexts({ ports, exposedPorts, state }: ContainerInfo): string[] {
  if (state.status !== 'running' && state.status !== 'paused') return [];
  const published = ports.map((port) => `${hostAddress(port)}->${port.containerPort}/${port.protocol}`);
  const known = new Set(ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  return [...published, ...exposedPorts.filter((port) => !known.has(port))];
}

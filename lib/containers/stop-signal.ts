import type { ContainerRecord } from './record.ts';

/** What stop sends to a container that says nothing else. */
export function stopSignalOf({ spec, image }: ContainerRecord): string {
  return spec.stopSignal ?? image.process.stopSignal ?? 'SIGTERM';
}

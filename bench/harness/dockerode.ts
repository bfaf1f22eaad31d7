import { createRequire } from 'node:module';

/** Of dockerode, which has no types of its own, what the benches use. */
export interface DockerApi {
  createContainer(options: {
    Image: string;
    Cmd: string[];
    HostConfig: { NetworkMode: string };
  }): Promise<DockerContainer>;
}

export interface DockerContainer {
  start(): Promise<unknown>;
  wait(): Promise<unknown>;
  inspect(): Promise<{ State: { Pid: number } }>;
  remove(options?: { force?: boolean }): Promise<unknown>;
}

export function dockerApi(socketPath: string): DockerApi {
  const Docker = createRequire(import.meta.url)('dockerode') as new (options: {
    socketPath: string;
  }) => DockerApi;
  return new Docker({ socketPath });
}

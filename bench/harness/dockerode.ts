import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';

/** Of dockerode, which has no types of its own, what the benches use. */
export interface DockerApi {
  createContainer(options: {
    Image: string;
    Cmd: string[];
    HostConfig: { NetworkMode: string };
  }): Promise<DockerContainer>;
}

export interface DockerContainer {
  readonly id: string;
  start(): Promise<unknown>;
  wait(): Promise<unknown>;
  inspect(): Promise<{ State: { Pid: number } }>;
  exec(options: { Cmd: string[]; AttachStdout: boolean; AttachStderr: boolean }): Promise<DockerExec>;
  remove(options?: { force?: boolean }): Promise<unknown>;
}

export interface DockerExec {
  /** Its output, which ends with it. */
  start(options: object): Promise<Readable>;
  inspect(): Promise<{ ExitCode: number | null }>;
}

export function dockerApi(socketPath: string): DockerApi {
  const Docker = createRequire(import.meta.url)('dockerode') as new (options: {
    socketPath: string;
  }) => DockerApi;
  return new Docker({ socketPath });
}

import type { ExecInfo } from '../../containers/index.ts';

/** docker's document of an exec (Engine API, ExecInspectResponse). */
export function execDocument(info: ExecInfo) {
  const [entrypoint = '', ...args] = info.argv;
  return {
    ID: info.id,
    Running: info.running,
    ExitCode: info.exitCode,
    ProcessConfig: {
      tty: info.tty,
      entrypoint,
      arguments: args,
      privileged: info.privileged,
      ...(info.user !== '' && { user: info.user }),
    },
    OpenStdin: info.stdin,
    OpenStderr: true,
    OpenStdout: true,
    CanRemove: !info.running && info.exitCode !== null,
    ContainerID: info.containerId,
    DetachKeys: '',
    Pid: info.pid ?? 0,
  };
}
